"""Whatever the delay, the grain, the days that are missing and what is scored or corrected again: rows are counted once."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.core.partitions import Partitions
from pipelines.shared.settlements.ledger import read_ledger
from pipelines.spec.maturing import day_after, matured_in
from tests.pipelines.stages.settle.settled_case import Book, drawn_rows, scores_of_rows, small

FIRST = {"hour": "2026-01-10T00", "day": "2026-01-10", "week": "2026-W03", "month": "2026-01"}
ROWS = 12


def corrected(rows):
    labels = pa.array([1 - y for y in rows["tx_fraud"].to_pylist()])
    return rows.set_column(rows.column_names.index("tx_fraud"), "tx_fraud", labels)


def publish_run(book, keys, scored, again, late):
    """Partitions, one of them scored twice and one corrected; the events of each as published last."""
    events = {}
    for n, key in enumerate(keys):
        rows = drawn_rows(book.pipeline, key, n, rows=ROWS)
        book.features(key, rows)
        if scored[n]:
            book.scores(key, scores_of_rows(rows))
        if scored[n] and n == again:
            book.scores(key, scores_of_rows(rows, version=2, digest="c" * 64))
        if n == late:
            rows = corrected(rows)
            book.features(key, rows)
        events[key] = sum(rows["tx_fraud"].to_pylist())
    return events


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(
    grain=st.sampled_from(sorted(FIRST)),
    delay=st.integers(0, 40),
    scored=st.lists(st.booleans(), min_size=5, max_size=5),
    again=st.integers(0, 4),
    late=st.integers(0, 4),
    order=st.permutations(range(5)),
)
def test_each_partition_is_measured_in_one_settlement_by_its_newest_labels(
    grain, delay, scored, again, late, order
):
    partitions = Partitions(grain)
    number = partitions.number(FIRST[grain])
    keys = [partitions.key(number + n) for n in range(5)]
    done = [keys[n] for n in order if scored[n]]
    with tempfile.TemporaryDirectory() as folder:
        book = Book(Path(folder), small(grain=grain, settled_days=delay, bootstrap_samples=2))
        events = publish_run(book, keys, scored, again, late)
        for key in done:
            book.settle(key)
        ledger = read_ledger(book.store, book.pipeline, "2027-01-01")
        for n in range(5):
            require_ledger_of(book, keys, done, day_after(book.pipeline, keys[n]))
    assert [each.partition for each in ledger] == sorted(done)
    matured = [m for each in ledger for m in each.settled["matured"]]
    first = partitions.of_day("2026-01-01")
    expected = [m for key in sorted(done) for m in matured_in(book.pipeline, key) if m >= first]
    assert [each["partition"] for each in matured] == expected
    assert len(set(expected)) == len(expected)
    for each in matured:
        require_measured_once(each, keys, scored, events, again)


def require_measured_once(matured, keys, scored, events, again):
    partition = matured["partition"]
    is_scored = partition in keys and scored[keys.index(partition)]
    assert bool(matured["says"]) != is_scored
    models = matured.get("models", [])
    assert len(models) == is_scored * (1 + (partition == keys[again]))
    for model in models:
        assert model["counts"]["counted"] == ROWS
        assert model["metrics"]["events"] == events[partition]


def require_ledger_of(book, keys, done, as_of):
    begins, end = book.pipeline.days().start(as_of), book.pipeline.partitions().end
    found = [each.partition for each in read_ledger(book.store, book.pipeline, as_of)]
    assert found == [key for key in keys if key in done and end(key) <= begins]


def test_a_settlement_that_was_killed_is_made_whole_by_the_next_try(tmp_path, monkeypatch):
    book = Book(tmp_path, small())
    book.day("2026-01-10", 1)
    book.day("2026-01-13", 2)

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.stages.settle.settlement.pq.write_table", killed)
        with pytest.raises(KeyboardInterrupt):
            book.settle("2026-01-13")
    assert read_ledger(book.store, book.pipeline, "2026-01-14") == []
    again = book.settle("2026-01-13")
    other = Book(tmp_path / "other", small())
    other.day("2026-01-10", 1)
    other.day("2026-01-13", 2)
    assert again["content"] == other.settle("2026-01-13")["content"]
