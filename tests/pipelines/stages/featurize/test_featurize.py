import contextlib
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.days import days_between, shift
from pipelines.core.errors import (
    ArtifactError,
    DeclarationError,
    HistoryNotReadyError,
    InputMissingError,
    PartitionRefusedError,
    TransientError,
)
from pipelines.core.events import Reporter
from pipelines.protocol import perform, stage_named
from pipelines.spec import Numeric, Trailing
from pipelines.stages.featurize import stage as featurize
from pipelines.stages.featurize.feature_plan import plan_features
from pipelines.stages.featurize.rows import row_features
from pipelines.stages.featurize.statistics import describe
from tests.pipelines.stages.featurize.validated import (
    FIRST,
    day_table,
    publish_days,
    publish_validated,
    rows_of,
    small_pipeline,
    work_on,
)

FEATURIZE = stage_named("featurize")
PIPELINE = small_pipeline()
DAYS = days_between(FIRST, shift(FIRST, 7))
REFUSED_DAY = DAYS[3]


def features_of(work):
    return work.find(work.partition_ref("features"))


def table_of(work):
    return pq.read_table(work.store.open(features_of(work)) / "part-0.parquet")


def contents(root, pipeline=PIPELINE, days=DAYS):
    found = {day: features_of(work_on(pipeline, root, partition=day)) for day in days}
    return {day: manifest and manifest.content for day, manifest in found.items()}


def day_rows(day):
    return None if day == REFUSED_DAY else rows_of(PIPELINE, day)


def arrive(root, day, table="as usual"):
    """Validate and featurize a day, as its own run of the DAG does."""
    work = work_on(PIPELINE, root, partition=day)
    publish_validated(work, day, day_rows(day) if isinstance(table, str) else table)
    with contextlib.suppress(HistoryNotReadyError, PartitionRefusedError):
        perform(FEATURIZE, work)


@pytest.fixture(scope="module")
def in_order(tmp_path_factory):
    root = tmp_path_factory.mktemp("forward")
    for day in DAYS:
        arrive(root, day)
    return contents(root)


def by_definition(tables, day, names):
    """Every window of a day by its definition, row by row, from whole tables."""
    rows = [row for table in tables for row in table.to_pylist()]
    found = []
    for own in (row for row in rows if row["tx_datetime"].date().isoformat() == day):
        found.append([_value(rows, own, name) for name in names])
    return np.array(found)


def _value(rows, own, name):
    entity, kind, *_, span = name.split("_")
    span_s, genuine_only = int(span[:-1]) * 86_400, "_0_" in name
    delay_s = 86_400 if entity == "terminal" else 0
    back = [(own["tx_datetime"] - row["tx_datetime"]).total_seconds() for row in rows]
    inside = [
        row
        for row, ago in zip(rows, back, strict=True)
        if row[f"{entity}_id"] == own[f"{entity}_id"] and delay_s <= ago < delay_s + span_s
    ]
    if genuine_only:
        inside = [row for row in inside if row["tx_fraud"] == 0]
    cents = sum(round(row["tx_amount"] * 100) for row in inside)
    frauds, n = sum(row["tx_fraud"] for row in inside), max(len(inside), 1)
    return {
        "count": len(inside),
        "sum": cents / 100,
        "mean": cents / (100 * n),
        "rate": frauds / n,
    }[kind]


def test_features_are_planned_once_and_made_from_that_plan_alone(tmp_path, monkeypatch):
    days = publish_days(PIPELINE, tmp_path, 2)
    work = work_on(PIPELINE, tmp_path, partition=days[-1])
    plan = featurize.plan(work)
    assert plan.features == plan_features(PIPELINE)

    def again(*_args):
        raise AssertionError("the declaration was read again")

    monkeypatch.setattr("pipelines.stages.featurize.feature_plan.plan_features", again)
    (tmp_path / "out").mkdir()
    featurize.run(work, plan, tmp_path / "out")
    made = pq.read_table(tmp_path / "out" / "part-0.parquet")
    assert tuple(made.column_names) == (*plan.features.copied_columns, *plan.features.names)


def test_features_equal_their_definition_row_for_row(tmp_path):
    days = publish_days(PIPELINE, tmp_path, 4)
    work = work_on(PIPELINE, tmp_path, partition=days[-1])
    perform(FEATURIZE, work)
    names = [n for f in PIPELINE.features if isinstance(f, Trailing) for n in f.names()]
    wanted = by_definition([rows_of(PIPELINE, day) for day in days], days[-1], names)
    found = table_of(work).select(names).to_pandas().to_numpy()
    np.testing.assert_array_equal(found, wanted)


def test_the_table_holds_keys_label_and_features_in_the_order_of_the_rows(tmp_path):
    (day,) = publish_days(PIPELINE, tmp_path, 1)
    work = work_on(PIPELINE, tmp_path, partition=day)
    result = perform(FEATURIZE, work)
    table, rows = table_of(work), rows_of(PIPELINE, day)
    keys = ["transaction_id", "tx_datetime", "customer_id", "terminal_id", "tx_fraud"]
    assert table.column_names == [*keys, *PIPELINE.feature_names()]
    assert {table.schema.field(name).type for name in PIPELINE.feature_names()} == {
        pa.float64()
    }
    assert table.select(keys).equals(rows.select(keys))
    assert table["tx_amount"].equals(rows["tx_amount"])
    assert result["rows"] == rows.num_rows
    assert result["metrics"] == {"positives": float(sum(rows["tx_fraud"].to_pylist()))}


def test_weekend_and_night_are_those_of_the_calendar(tmp_path):
    days = publish_days(PIPELINE, tmp_path, 5)
    for day in days:
        work = work_on(PIPELINE, tmp_path, partition=day)
        perform(FEATURIZE, work)
        for row in table_of(work).to_pylist():
            assert row["during_weekend"] == (row["tx_datetime"].weekday() >= 5)
            assert row["during_night"] == (row["tx_datetime"].hour <= 6)


def test_the_statistics_are_those_of_the_table(tmp_path):
    (day,) = publish_days(PIPELINE, tmp_path, 1)
    work = work_on(PIPELINE, tmp_path, partition=day)
    perform(FEATURIZE, work)
    path = work.store.open(features_of(work)) / "statistics.json"
    found, frame = json.loads(path.read_text()), table_of(work).to_pandas()
    assert (found["rows"], found["positives"]) == (len(frame), int(frame.tx_fraud.sum()))
    assert list(found["columns"]) == list(PIPELINE.feature_names())
    for name, moments in found["columns"].items():
        assert moments["count"] == len(frame)
        assert moments["mean"] == pytest.approx(frame[name].mean(), rel=1e-12)
        assert moments["m2"] == pytest.approx(
            frame[name].var(ddof=0) * len(frame), rel=1e-9, abs=1e-9
        )


def test_statistics_leave_out_what_is_not_finite():
    columns = {"a": np.array([1.0, np.nan, 3.0]), "b": np.full(3, np.nan)}
    found = describe(columns, 3, np.zeros(3))
    assert found["columns"]["a"] == {"count": 2, "mean": 2.0, "m2": 2.0}
    assert found["columns"]["b"] == {"count": 0, "mean": 0.0, "m2": 0.0}


@pytest.mark.parametrize("seed", ["backward", 1, 2, 3])
def test_days_in_any_order_end_with_the_same_features(tmp_path, in_order, seed):
    order = DAYS[::-1] if seed == "backward" else random.Random(seed).sample(DAYS, len(DAYS))
    for day in order:
        arrive(tmp_path, day)
    assert contents(tmp_path) == in_order


def test_days_at_once_end_with_the_same_features(tmp_path, in_order):
    def insist(day):
        """As a retry policy does; a day that waits for others is left to them."""
        for _ in range(50):
            try:
                return arrive(tmp_path, day)
            except TransientError:
                time.sleep(0.05)
        raise AssertionError(f"{day} never came to an end")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(insist, random.Random(0).sample(DAYS, len(DAYS))))
    assert contents(tmp_path) == in_order


def test_a_refused_day_has_no_features_and_holds_up_no_other(in_order):
    assert [day for day, content in in_order.items() if content is None] == [REFUSED_DAY]


def test_a_day_validated_again_remakes_the_later_days_that_saw_it(tmp_path, in_order):
    other = rows_of(PIPELINE, DAYS[1], seed=9)
    for day in DAYS:
        arrive(tmp_path, day, other if day == DAYS[1] else "as usual")
    differing = [day for day in DAYS if contents(tmp_path)[day] != in_order[day]]
    assert differing == [DAYS[1], DAYS[2], DAYS[4]]
    arrive(tmp_path, DAYS[1])
    assert contents(tmp_path) == in_order


def test_a_day_refused_late_leaves_the_windows_of_later_days(tmp_path, in_order):
    for day in DAYS:
        arrive(tmp_path, day, rows_of(PIPELINE, day))
    assert contents(tmp_path) != in_order
    arrive(tmp_path, REFUSED_DAY)
    found = contents(tmp_path)
    assert found.pop(REFUSED_DAY) is not None, (
        "what was published stays; preprocess leaves it out"
    )
    assert found == {day: c for day, c in in_order.items() if day != REFUSED_DAY}


def test_the_same_day_is_made_once(tmp_path):
    (day,) = publish_days(PIPELINE, tmp_path, 1)
    work = work_on(PIPELINE, tmp_path, partition=day)
    assert [perform(FEATURIZE, work)["cached"] for _ in range(2)] == [False, True]


def test_a_day_waits_for_its_history_and_says_for_which_days(tmp_path):
    days = publish_days(PIPELINE, tmp_path, 5)
    work = work_on(PIPELINE, tmp_path, "2025-12-01", partition=days[0])
    assert featurize.due(work) == (False, days[3:4]), "of the three days that look back on it"
    events = []
    noting = dataclasses.replace(work, report=Reporter("featurize", events.append))
    with pytest.raises(HistoryNotReadyError, match=r"3 of the 3 days .*2025-12-29, 2025-12-30"):
        perform(FEATURIZE, noting)
    # What was done beside it is said, though there is no result.
    assert [e["partitions"] for e in events if e["event"] == "also"] == [days[3:4]]
    assert featurize.due(work_on(PIPELINE, tmp_path, partition=days[0])) == (True, days[1:4])


def test_a_day_never_validated_or_refused_says_so(tmp_path):
    work = work_on(PIPELINE, tmp_path, partition=FIRST)
    with pytest.raises(InputMissingError, match=r"validated/ds=2026-01-01 is not published"):
        perform(FEATURIZE, work)
    publish_validated(work, FIRST, None)
    with pytest.raises(PartitionRefusedError, match="2026-01-01 was refused by validate"):
        perform(FEATURIZE, work)


def test_a_day_that_changes_while_its_turn_is_awaited_is_worth_a_retry(tmp_path):
    (day,) = publish_days(PIPELINE, tmp_path, 1)
    work = work_on(PIPELINE, tmp_path, partition=day)
    planned = featurize.plan(work)
    publish_validated(work, day, rows_of(PIPELINE, day, seed=5))
    with pytest.raises(TransientError, match="was published again while this work waited"):
        featurize.run(work, planned, tmp_path)


@pytest.mark.parametrize(
    ("buckets", "options"),
    [
        (1, {}),
        (7, {}),
        (50, {}),
        (3, {"workers": 1}),
        (3, {"workers": 8}),
        (3, {"in_process_below_rows": 0}),
    ],
    ids=["1 bucket", "7 buckets", "mostly empty buckets", "1 thread", "8 threads", "cluster"],
)
def test_results_depend_neither_on_buckets_nor_on_where_they_ran(tmp_path, buckets, options):
    def files(root, pipeline, **given):
        *_, last = publish_days(pipeline, root, 4)
        work = work_on(pipeline, root, partition=last, **given)
        perform(FEATURIZE, work)
        return features_of(work).files

    wanted = files(tmp_path / "a", PIPELINE)
    assert files(tmp_path / "b", small_pipeline(buckets=buckets), options=options) == wanted


def test_rows_and_labels_still_to_come_move_no_feature(tmp_path):
    """The planted future: later rows of the day, and labels that are not known yet."""
    days = publish_days(PIPELINE, tmp_path / "a", 4)
    publish_days(PIPELINE, tmp_path / "b", 3)
    rows, n_now = rows_of(PIPELINE, days[-1]), 40
    now = rows["tx_datetime"][n_now - 1].as_py()
    n_now = sum(t <= now for t in rows["tx_datetime"].to_pylist())
    planted = rows.to_pydict()
    planted.pop("_row")
    for nth in range(len(planted["tx_fraud"])):
        planted["tx_fraud"][nth] = 1 - planted["tx_fraud"][nth]
        if nth >= n_now:
            planted["tx_amount"][nth] = 9e5
            planted["customer_id"][nth] = planted["terminal_id"][nth] = 1
    work = work_on(PIPELINE, tmp_path / "b", partition=days[-1])
    publish_validated(work, days[-1], day_table(PIPELINE, planted))
    perform(FEATURIZE, work)
    before = work_on(PIPELINE, tmp_path / "a", partition=days[-1])
    perform(FEATURIZE, before)
    # The mean over genuine rows reads labels at once; a declaration may not do that with the
    # label, and this test's pipeline does so only to exercise ``where``.
    names = [n for n in PIPELINE.feature_names() if "_0_" not in n]
    assert table_of(work).select(names)[:n_now].equals(table_of(before).select(names)[:n_now])


def test_an_empty_day_has_an_empty_table(tmp_path):
    days = publish_days(PIPELINE, tmp_path, 2)
    work = work_on(PIPELINE, tmp_path, partition=shift(days[-1], 1))
    publish_validated(work, work.day, rows_of(PIPELINE, work.day, n_rows=0))
    assert perform(FEATURIZE, work)["rows"] == 0
    assert table_of(work).num_rows == 0


def test_null_amounts_are_no_values_and_nan_in_the_table(tmp_path):
    days = publish_days(PIPELINE, tmp_path, 2)
    work = work_on(PIPELINE, tmp_path, partition=shift(days[-1], 1))
    amounts = rows_of(PIPELINE, work.day)["tx_amount"].to_pylist()
    table = rows_of(PIPELINE, work.day, tx_amount=[None, *amounts[1:]])
    publish_validated(work, work.day, table)
    perform(FEATURIZE, work)
    frame = table_of(work).to_pandas()
    assert frame.tx_amount.isna().tolist() == [True] + [False] * (len(frame) - 1)
    windows = [n for f in PIPELINE.features if isinstance(f, Trailing) for n in f.names()]
    assert frame[windows].notna().all().all()


def test_a_whole_number_that_no_float_holds_becomes_the_nearest():
    pipeline = dataclasses.replace(PIPELINE, features=(Numeric("transaction_id"),))
    rows = pa.table({"transaction_id": pa.array([2**53 + 1, -(2**63), None, 7], pa.int64())})
    found = row_features(rows, pipeline.sources())["transaction_id"]
    np.testing.assert_array_equal(found, [float(2**53), -float(2**63), np.nan, 7.0])


def test_history_with_other_buckets_than_declared_is_refused(tmp_path):
    days = publish_days(PIPELINE, tmp_path, 2)
    work = work_on(small_pipeline(buckets=5), tmp_path, partition=days[-1])
    with pytest.raises(ArtifactError, match="3 buckets, but the pipeline declares 5"):
        perform(FEATURIZE, work)


def test_every_feature_that_cannot_be_computed_is_named_when_it_is_declared():
    odd = (
        Numeric("tx_datetime"),
        Numeric("customer_id"),
        Trailing("customer", ("sum",), (1,), column="customer_id"),
        Trailing("customer", ("count",), (1,), where=("tx_amount", "much")),
    )
    with pytest.raises(DeclarationError) as caught:
        small_pipeline(features=odd)
    assert len(caught.value.problems) == 5, str(caught.value)


def test_planning_imports_nothing_heavy():
    probe = (
        "import sys, pipelines.stages.featurize.stage\n"
        "print(sorted({'numpy', 'pyarrow', 'dask', 'pandas'} & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


KILLED = """
import sys
from pipelines.protocol import perform, stage_named
from tests.pipelines.stages.featurize.validated import small_pipeline, work_on
perform(stage_named("featurize"), work_on(small_pipeline(), sys.argv[1], partition=sys.argv[2]))
"""


def test_a_killed_featurize_leaves_nothing_half_and_the_next_one_ends_alike(tmp_path):
    *_, last = publish_days(PIPELINE, tmp_path / "a", 4)
    publish_days(PIPELINE, tmp_path / "b", 4)
    work = work_on(PIPELINE, tmp_path / "a", partition=last)
    folder = work.store.folder(work.partition_ref("features"))
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "a"), last])
    deadline = time.monotonic() + 30
    while not list(folder.glob(".staging-*")) and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert features_of(work) is None
    assert [p.name for p in folder.iterdir() if not p.name.startswith(".")] == []
    unbroken = work_on(PIPELINE, tmp_path / "b", partition=last)
    assert perform(FEATURIZE, work)["content"] == perform(FEATURIZE, unbroken)["content"]
    assert not list(folder.glob(".staging-*"))
