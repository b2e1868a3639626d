"""A day that repeats ids of an earlier one is found, by date and not by the order of the work."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.core.days import shift
from pipelines.core.errors import DeclarationError, PartitionRefusedError
from pipelines.core.events import Reporter
from pipelines.core.partitions import Partitions
from pipelines.core.store import Store
from pipelines.protocol import Work, perform, stage_named
from pipelines.shared.expectations.new_ids import are_known
from pipelines.shared.tables import IDS
from pipelines.shared.tables import ids as ids_module
from pipelines.shared.tables.ids import IdsWriter, in_common, keys_of, open_keys
from pipelines.spec import load, require_valid
from pipelines.stages.ingest import stage as ingestion
from pipelines.stages.validate import stage as validation
from pipelines.stages.validate.repeated_ids import RepeatedIds
from tests.pipelines.shared.tables.made import transactions, with_column

FIRST = "2026-01-01"
WITHIN = Partitions().bounds(FIRST)
DAYS = [shift(FIRST, n) for n in range(4)]


def unique(days, kind="integer", share=1.0):
    pipeline = load("fraud_detection")
    columns = tuple(
        replace(c, type=kind, low=None) if c.name == "transaction_id" else c
        for c in pipeline.table.columns
    )
    table = replace(pipeline.table, unique_days=days, columns=columns)
    gate = replace(pipeline.validation, max_quarantined_share=share, min_rows=0)
    return replace(pipeline, tables=(table,), validation=gate)


def deliver(root, day, ids):
    table = transactions(len(ids), day=day)
    ids = pa.array(ids, pa.string() if isinstance(ids[0], str) else pa.int64())
    path = root / "source" / f"ds={day}" / "part-0.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(with_column(table, "TRANSACTION_ID", ids), path)


def work_on(stage, root, day, pipeline, store="store"):
    return Work(
        pipeline=pipeline,
        store=Store(str(root / store)),
        report=Reporter(f"{stage} ds={day}", sink=lambda event: None),
        partition=day,
        source=str(root / "source"),
        history_from=FIRST,
    )


def do(root, day, pipeline, store="store", stages=("ingest", "validate")):
    for stage in stages:
        result = perform(stage_named(stage), work_on(stage, root, day, pipeline, store))
    return result


def published(root, day, pipeline, store="store"):
    work = work_on("", root, day, pipeline, store)
    return work.find(work.partition_ref("validated"))


def repeats(root, day, pipeline, store="store"):
    manifest = published(root, day, pipeline, store)
    return manifest.outcome["quarantined"].get("transaction_id.new", 0)


def test_a_stuck_export_under_the_next_date_is_refused_until_one_of_the_days_is_mended(
    tmp_path,
):
    pipeline = load("fraud_detection")
    for day in DAYS[:2]:
        deliver(tmp_path, day, list(range(100)))
    assert do(tmp_path, DAYS[0], pipeline)["verdict"] == "accepted"
    reported = rf"transaction_id.new 100.*ids of days before: {DAYS[0]} \(100\)"
    for _ in range(2):
        with pytest.raises(PartitionRefusedError, match=reported):
            do(tmp_path, DAYS[1], pipeline)
    deliver(tmp_path, DAYS[0], list(range(500, 600)))
    assert do(tmp_path, DAYS[0], pipeline)["also"] == [DAYS[1]]
    again = do(tmp_path, DAYS[1], pipeline)
    assert (again["verdict"], again["cached"]) == ("accepted", True)


def test_single_repeated_rows_are_quarantined_and_the_report_does_not_say_where_days_lie(
    tmp_path,
):
    pipeline = unique(2, share=0.02)
    deliver(tmp_path, DAYS[0], list(range(100)))
    deliver(tmp_path, DAYS[1], [50, *range(1000, 1099)])
    do(tmp_path, DAYS[0], pipeline)
    assert do(tmp_path, DAYS[1], pipeline)["quarantined"] == {"transaction_id.new": 1}
    folder = Store(str(tmp_path / "store")).open(published(tmp_path, DAYS[1], pipeline))
    (line,) = pq.read_table(folder / "quarantine.parquet").to_pylist()
    assert line["transaction_id"] == 50
    report = (folder / "report.json").read_text()
    rule = next(r for r in json.loads(report)["rules"] if r["rule"] == "transaction_id.new")
    kwargs = {"column": "transaction_id", "unique_days": 2, "days": [DAYS[0]]}
    assert rule["kwargs"] == kwargs
    for page in folder.glob("*.*"):
        assert str(tmp_path).encode() not in page.read_bytes(), page.name


def shared(root, day, pipeline):
    """Ids that an ingested day shares with others before it, by their number."""
    found = RepeatedIds(work_on("validate", root, day, pipeline)).of(day)
    return {other: int(what.split()[0]) for other, what in found.items()}


def test_ids_are_unique_within_a_day_within_some_days_or_for_ever(tmp_path):
    delivered = [[*range(9)], [*range(5), 20, 21, 22], [*range(30, 38)], [*range(4, 9), 40, 41]]
    for day, ids in zip(DAYS, delivered, strict=True):
        deliver(tmp_path, day, ids)
        do(tmp_path, day, unique(2), stages=["ingest"])
    assert [shared(tmp_path, day, unique(1)) for day in DAYS] == [{}] * 4
    assert [shared(tmp_path, day, unique(2)) for day in DAYS] == [{}, {DAYS[0]: 5}, {}, {}]
    last = {DAYS[0]: 5, DAYS[1]: 1}
    for days in (4, None):
        assert shared(tmp_path, DAYS[3], unique(days)) == last
    assert shared(tmp_path, DAYS[3], unique(3)) == {DAYS[1]: 1}


def oracle(delivered, days):
    """How many ids of each day are there in one of the days before it, by plain sets."""
    return [
        sum(any(i in delivered[e] for e in range(max(0, d - days + 1), d)) for i in ids)
        for d, ids in enumerate(delivered)
    ]


def require_the_same_in_any_order(root, delivered, order, as_text):
    pipeline = unique(3, "text" if as_text else "integer")
    named = [[f"id {i}" if as_text else i for i in sorted(ids)] for ids in delivered]
    for day, ids in zip(DAYS, named, strict=False):
        deliver(root, day, ids)
    for index in order:
        do(root, DAYS[index], pipeline)
    days = DAYS[: len(delivered)]
    for day in days:
        do(root, day, pipeline, "in-order")
    assert [repeats(root, day, pipeline) for day in days] == oracle(delivered, 3)
    for day in days:
        mine, theirs = (published(root, day, pipeline, s) for s in ("store", "in-order"))
        assert (mine.digest, mine.content) == (theirs.digest, theirs.content)


def test_days_that_come_backwards_end_with_the_verdicts_of_days_in_order(tmp_path):
    require_the_same_in_any_order(tmp_path, [{1, 2, 3}, {3, 4}], [1, 0], as_text=True)


@pytest.mark.slow
@given(
    st.lists(st.sets(st.integers(-4, 8), min_size=1, max_size=6), min_size=3, max_size=3),
    st.permutations(range(3)),
    st.booleans(),
)
@settings(
    max_examples=15,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_days_in_any_order_end_with_the_same_verdicts(
    tmp_path_factory, delivered, order, as_text
):
    root = tmp_path_factory.mktemp("order")
    require_the_same_in_any_order(root, delivered, order, as_text)


def test_an_earlier_day_that_comes_while_a_later_one_is_assessed_is_not_missed(
    tmp_path, monkeypatch
):
    pipeline = unique(2)
    for day in DAYS[:2]:
        deliver(tmp_path, day, list(range(50)))
    do(tmp_path, DAYS[1], pipeline, stages=["ingest"])
    run, times = validation.run, itertools.count()

    def run_meanwhile(work, plan, out):
        if next(times) == 0:
            do(tmp_path, DAYS[0], pipeline)  # looks for later days, and finds none validated
        return run(work, plan, out)

    monkeypatch.setattr(validation, "run", run_meanwhile)
    do(tmp_path, DAYS[1], pipeline, stages=["validate"])
    assert repeats(tmp_path, DAYS[1], pipeline) == 50


def test_rows_outside_of_their_day_take_no_id_from_the_day_that_they_belong_to(tmp_path):
    pipeline = unique(2)
    table = with_column(transactions(40, day=DAYS[1]), "TRANSACTION_ID", pa.array(range(40)))
    for day in DAYS[:2]:
        path = tmp_path / "source" / f"ds={day}" / "part-0.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(table, path)
        do(tmp_path, day, pipeline, stages=["ingest"])
    assert shared(tmp_path, DAYS[1], pipeline) == {}


def test_texts_whose_hashes_are_the_same_are_not_taken_for_each_other(tmp_path, monkeypatch):
    for module in (ids_module, "pipelines.shared.expectations.new_ids"):
        name = module if isinstance(module, str) else module.__name__
        monkeypatch.setattr(f"{name}.keys_of", lambda ids: np.full(len(ids), 7))
    pipeline = unique(2, "text")
    deliver(tmp_path, DAYS[0], ["a", "b", "c"])
    deliver(tmp_path, DAYS[1], ["d", "b", "e"])
    for day in DAYS[:2]:
        do(tmp_path, day, pipeline)
    folder = work_on("", tmp_path, DAYS[0], pipeline).partition_ref("ingested")
    earlier = Store(str(tmp_path / "store"))
    found = earlier.open(earlier.find(folder))
    known = are_known(pa.array(["d", "b", "e"]), "transaction_id", [str(found)])
    assert known.tolist() == [False, True, False]
    assert repeats(tmp_path, DAYS[1], pipeline) == 1


rows = st.lists(
    st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20) | st.none(), max_size=60
)


@given(rows, st.lists(st.integers(1, 20), min_size=1, max_size=9), st.integers(1, 9))
@settings(max_examples=30)
def test_the_file_of_ids_depends_on_the_ids_alone(tmp_path_factory, ids, cuts, block):
    folder = tmp_path_factory.mktemp("ids")
    at = pa.array([1_767_225_600_000_000] * len(ids), pa.timestamp("us"))
    table = pa.table({"i": pa.array(ids, pa.int64()), "at": at})
    writer, start, whole = IdsWriter("i", "at", WITHIN, folder), 0, ids_module.BLOCK
    for size in itertools.cycle(cuts):
        if start >= len(ids):
            break
        writer.add(table.slice(start, size))
        start += size
    try:
        ids_module.BLOCK = block
        writer.close()
        found = open_keys(folder / IDS)
        assert found.tolist() == sorted({i for i in ids if i is not None})
        assert [p.name for p in folder.iterdir()] == [IDS]
        shared = in_common(found, keys_of(pa.array(range(-5, 5))))
    finally:
        ids_module.BLOCK = whole
    common = {i for i in ids if i is not None} & set(range(-5, 5))
    assert shared.split()[:1] == ([str(len(common))] if common else [])


def test_a_day_whose_ids_are_unique_by_themselves_has_no_file_of_ids(tmp_path):
    pipeline = unique(1)
    deliver(tmp_path, FIRST, [1, 2, 3])
    do(tmp_path, FIRST, pipeline)
    ref = work_on("", tmp_path, FIRST, pipeline).partition_ref("ingested")
    assert IDS not in Store(str(tmp_path / "store")).find(ref).files
    assert ingestion.plan(work_on("", tmp_path, FIRST, pipeline)).config["ids"] == []


@pytest.mark.parametrize("days", [0, -1, 1.5, "ever", True])
def test_a_number_of_days_that_there_is_not_is_refused_when_it_is_declared(days):
    with pytest.raises(DeclarationError, match=rf"unique_days must be .*got {days!r}"):
        require_valid(unique(days))


NEW_YORKS_FIRST_OF_MARCH = [
    *(f"2026-03-01T{hour:02}" for hour in range(5, 24)),
    *(f"2026-03-02T{hour:02}" for hour in range(5)),
]


@pytest.mark.parametrize(
    ("grain", "key", "days", "earlier"),
    [
        ("day", "2026-03-02", 3, ["2026-02-28", "2026-03-01"]),
        ("hour", "2026-03-02T05", 2, NEW_YORKS_FIRST_OF_MARCH),
        ("week", "2026-W10", 2, ["2026-W09"]),
        ("month", "2026-03", 40, ["2026-01", "2026-02"]),
        ("year", "2026", 400, ["2024", "2025"]),
    ],
)
def test_days_of_unique_ids_are_days_whatever_the_grain(tmp_path, grain, key, days, earlier):
    made = unique(days)
    table = replace(made.table, grain=grain)
    pipeline = replace(made, tables=(table,), time_zone="America/New_York")
    repeats = RepeatedIds(work_on("validate", tmp_path, key, pipeline))
    assert repeats._earlier(key) == earlier
    for other in earlier:
        later = RepeatedIds(work_on("validate", tmp_path, other, pipeline))
        assert key in later._later()
