"""Late rows and corrections: what was known when, through the stages that publish it."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.core.days import days_between, parse_day, shift
from pipelines.core.errors import DeclarationError, TrainingError
from pipelines.operators.state import read_program
from pipelines.protocol import perform, stage_named
from pipelines.shared.tables.versions import versions_of, write_known
from pipelines.spec import load, require_valid
from pipelines.stages.train.golden_rows import golden_rows
from tests.pipelines.stages.featurize.late_rows import (
    PIPELINE,
    came_later,
    on_time,
    with_late_rows,
)
from tests.pipelines.stages.featurize.validated import (
    FIRST,
    publish_validated,
    work_on,
)

DAYS = days_between(FIRST, shift(FIRST, 7))
# Days 3-5 train, 6 is the gap, 7-8 test; labels are known a day later.
AS_OF = shift(FIRST, 9)
FEATURIZE = stage_named("featurize")
LATE_DAY = DAYS[3]


def arrive(store, tables, days=DAYS):
    """Publish the days as validate does, and make their features; returns which were made."""
    made = []
    for day in days:
        work = work_on(PIPELINE, store, history_from=days[0], partition=day)
        publish_validated(work, day, tables.get(day, on_time(day)))
    for day in days:
        work = work_on(PIPELINE, store, history_from=days[0], partition=day)
        if not perform(FEATURIZE, work, reach=False)["cached"]:
            made.append(day)
    return made


def training_set(store, as_of):
    work = work_on(PIPELINE, store, as_of=as_of)
    result = perform(stage_named("preprocess"), work)
    return result["cached"], work.find(work.window_ref("training_set")).files


def features_of(store, day, part="part-0.parquet"):
    work = work_on(PIPELINE, store, partition=day)
    manifest = work.find(work.partition_ref("features"))
    return pq.read_table(work.store.open(manifest) / part)


def test_a_past_as_of_day_repeats_bit_for_bit_after_late_rows_and_corrections(tmp_path):
    store, fresh = tmp_path / "store", tmp_path / "fresh"
    arrive(store, {})
    cached, before = training_set(store, AS_OF)
    assert not cached
    late = {LATE_DAY: with_late_rows(LATE_DAY, AS_OF)}
    assert arrive(store, late) == [LATE_DAY]
    assert training_set(store, AS_OF) == (True, before), "nothing known then has changed"
    arrive(fresh, late)
    assert training_set(fresh, AS_OF) == (False, before)


def test_late_rows_and_corrections_train_as_of_later_days(tmp_path):
    arrive(tmp_path, {})
    before = training_set(tmp_path, AS_OF)[1]
    arrive(tmp_path, {LATE_DAY: with_late_rows(LATE_DAY, DAYS[6])})
    after = training_set(tmp_path, AS_OF)[1]
    moved = {n for n in before if n.endswith(".npy") and before[n] != after[n]}
    part = next(n.split("/")[0] for n in before if n.endswith(f"{LATE_DAY}-y.npy"))
    assert f"{part}/{LATE_DAY}-y.npy" in moved
    work = work_on(PIPELINE, tmp_path, as_of=AS_OF)
    folder = work.store.open(work.find(work.window_ref("training_set")))
    y = np.load(folder / part / f"{LATE_DAY}-y.npy", allow_pickle=False)
    assert len(y) == 40 + 8, "four of the twelve correct rows that were there"
    assert y[-12:].tolist() == [1.0] * 12


def test_a_training_day_of_which_nothing_was_known_yet_counts_as_empty(tmp_path):
    late = {LATE_DAY: came_later(LATE_DAY, AS_OF)}
    arrive(tmp_path, late)
    training_set(tmp_path, AS_OF)
    work = work_on(PIPELINE, tmp_path, as_of=AS_OF)
    assert LATE_DAY in work.days().train
    folder = work.store.open(work.find(work.window_ref("training_set")))
    index = json.loads((folder / "index.json").read_text())
    trained = {entry["day"]: entry["rows"] for entry in index["train"]}
    assert trained == {day: 40 for day in work.days().train if day != LATE_DAY}


def test_training_days_of_which_nothing_was_known_yet_are_no_training_set(tmp_path):
    days = work_on(PIPELINE, tmp_path, as_of=AS_OF).days().train
    arrive(tmp_path, {day: came_later(day, AS_OF) for day in days})
    with pytest.raises(TrainingError, match=r"the 3 training days .* hold 0 rows"):
        training_set(tmp_path, AS_OF)


def test_golden_rows_are_those_that_the_model_was_trained_on(tmp_path):
    first, known = DAYS[2], DAYS[6]
    arrive(tmp_path, {first: with_late_rows(first, known)})
    training_set(tmp_path, AS_OF)
    work = work_on(PIPELINE, tmp_path, as_of=AS_OF)
    made = work.find(work.window_ref("training_set"))
    folder = work.store.open(made)
    assert work.days().train[0] == first
    rows = golden_rows(work, made, folder, read_program(folder))["tx_amount"]
    trained = features_of(tmp_path, first, f"part-known={known}.parquet")["tx_amount"]
    assert rows.tolist() == trained.to_pylist()[: len(rows)]
    on_the_day = features_of(tmp_path, first)["tx_amount"].to_pylist()[: len(rows)]
    assert rows.tolist() != on_the_day


def test_days_that_could_not_have_seen_late_rows_are_not_made_again(tmp_path):
    arrive(tmp_path, {})
    made = arrive(tmp_path, {LATE_DAY: with_late_rows(LATE_DAY, DAYS[5])})
    # The next day closed before they were known; two days on they were, and are in reach.
    assert made == [LATE_DAY, DAYS[5], DAYS[6]]


def test_validate_takes_versions_of_a_row_and_records_when_each_day_was_known(tmp_path):
    table, folder = with_late_rows(LATE_DAY, DAYS[5]), tmp_path / "source" / f"ds={LATE_DAY}"
    folder.mkdir(parents=True)
    pq.write_table(table.drop_columns(["_row"]), folder / "part-0.parquet")
    work = work_on(PIPELINE, tmp_path, partition=LATE_DAY, source=str(tmp_path / "source"))
    for stage in ("ingest", "validate"):
        result = perform(stage_named(stage), work)
    assert result["rows"] == 52
    found = work.find(work.partition_ref("validated")).files
    assert [n for n in found if n.startswith("known/")] == [
        f"known/{LATE_DAY}.sha256",
        f"known/{DAYS[5]}.sha256",
    ]


def test_what_was_known_does_not_depend_on_where_the_day_is_cut(tmp_path):
    table, found = with_late_rows(LATE_DAY, DAYS[5]), []
    versions = versions_of(table, PIPELINE.table)
    for nth, cuts in enumerate(([52], [1, 30, 21])):
        starts = np.cumsum([0, *cuts[:-1]])
        parts = [table.slice(s, n) for s, n in zip(starts, cuts, strict=True)]
        (tmp_path / str(nth)).mkdir()
        write_known(parts, versions, tmp_path / str(nth))
        files = sorted((tmp_path / str(nth) / "known").iterdir())
        found.append([(file.name, file.read_text()) for file in files])
    assert found[0] == found[1]
    assert len(found[0]) == 2
    assert found[0][0][1] != found[0][1][1]


def by_definition(rows, own, known_day):
    """Newest versions known by the end of a day; what a window of two days holds of them."""

    def known(row):
        event = row["tx_datetime"].date()
        return max(event, row["known_at"].date()) if row["known_at"] else event

    newest = {}
    for row in sorted(rows, key=lambda r: (r["known_at"] is not None, str(r["known_at"]))):
        if known(row) <= known_day:
            newest[row["transaction_id"]] = row
    seen = []
    for row in newest.values():
        ago = (own["tx_datetime"] - row["tx_datetime"]).total_seconds()
        if row["customer_id"] == own["customer_id"] and 0 <= ago < 2 * 86_400:
            seen.append(row)
    seen.sort(key=lambda r: (r["tx_datetime"], r["transaction_id"]))
    cents = sum(round(row["tx_amount"] * 100) for row in seen)
    return [len(seen), cents / 100, seen[-1]["tx_amount"]], newest


@pytest.mark.parametrize("known", [LATE_DAY, DAYS[4], DAYS[6]])
def test_a_row_sees_what_was_known_when_it_became_known_itself(tmp_path, known):
    days = DAYS[1:4]
    tables = {day: on_time(day) for day in days}
    tables[DAYS[2]] = with_late_rows(DAYS[2], LATE_DAY, DAYS[6])
    tables[LATE_DAY] = with_late_rows(LATE_DAY, DAYS[4], DAYS[6])
    arrive(tmp_path, tables, days)
    part = "part-0.parquet" if known == LATE_DAY else f"part-known={known}.parquet"
    got = features_of(tmp_path, LATE_DAY, part).to_pylist()
    rows = [row for table in tables.values() for row in table.to_pylist()]
    _, newest = by_definition(rows, rows[0], parse_day(known))
    expected = [r for r in newest.values() if r["tx_datetime"].date() == parse_day(LATE_DAY)]
    assert {row["transaction_id"] for row in got} == {r["transaction_id"] for r in expected}
    for row in got:
        own = newest[row["transaction_id"]]
        late = own["known_at"] and own["known_at"].date() > parse_day(LATE_DAY)
        cut = own["known_at"].date() if late else parse_day(LATE_DAY)
        wanted, _ = by_definition(rows, own, cut)
        names = ("count", "sum_tx_amount", "last_tx_amount")
        assert [row[f"customer_{name}_2d"] for name in names] == wanted
        assert row["tx_fraud"] == own["tx_fraud"]


def test_a_known_time_that_is_no_timestamp_is_refused():
    table = replace(load("fraud_detection").table, known_time="tx_amount")
    with pytest.raises(DeclarationError, match="known_time 'tx_amount' must be a timestamp"):
        require_valid(replace(load("fraud_detection"), tables=(table,)))
