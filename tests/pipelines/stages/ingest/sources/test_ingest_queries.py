"""Rows of a SQL query, from a SQLite database: bounds, order, snapshot, types and errors."""

import json
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import (
    ConfigError,
    DeclarationError,
    SchemaError,
    SourceNotReadyError,
    TransientError,
)
from pipelines.shared.databases.database_errors import in_its_own_words
from pipelines.shared.databases.database_url import url_of_text
from pipelines.spec import require_valid
from pipelines.stages.ingest import stage
from pipelines.stages.ingest.sources import query
from pipelines.stages.ingest.sources.database import viewed
from tests.pipelines.shared.tables.made import (
    DAY,
    canonical,
    done,
    published,
    transactions,
    work_on,
)
from tests.pipelines.stages.ingest.sources.sqlite_source import (
    changed,
    query_pipeline,
    rows_of,
    write_database,
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "shop.db"


@pytest.fixture
def ingest(tmp_path, file):
    def ingested(pipeline=None, source=None):
        source = source or f"sqlite:///{file}"
        return done("ingest", tmp_path / "store", source, pipeline or query_pipeline())

    return ingested


@pytest.fixture
def rows(tmp_path):
    return lambda: pq.read_table(published(tmp_path / "store", "ingested") / "part-0.parquet")


def test_a_day_of_a_database_is_the_day_of_a_file_in_the_order_of_row_ids(ingest, file, rows):
    write_database(file)
    ingest()
    # The made rows are in the order of their ids.
    assert rows().equals(canonical())


@pytest.mark.parametrize("block_rows", [1, 7, 200])
def test_the_size_of_a_block_changes_nothing(ingest, file, rows, monkeypatch, block_rows):
    monkeypatch.setattr(query, "BLOCK_ROWS", block_rows)
    write_database(file)
    ingest()
    assert rows().equals(canonical())


def test_rows_are_fetched_in_blocks(file):
    with viewed(url_of_text(write_database(file)), "UTC") as view:
        columns = view.columns("SELECT * FROM tx", {})
        blocks = view.blocks("SELECT * FROM tx", {}, columns, columns[:1], 90)
        assert [len(block) for block in blocks] == [90, 90, 20]


def test_unchanged_rows_are_found_done_in_whatever_order_they_are_stored(ingest, file):
    write_database(file, seed=1)
    first = ingest()
    file.unlink()
    write_database(file, seed=2)
    again = ingest()
    assert again["cached"]
    assert again["digest"] == first["digest"]


def test_a_changed_row_is_other_work_and_one_of_another_day_is_not(ingest, file):
    write_database(file)
    first = ingest()
    changed(file, "INSERT INTO tx VALUES (9999, '2018-04-02 00:00:00', 1, 1, 1.0, 0)")
    assert ingest()["cached"]
    changed(file, "UPDATE tx SET tx_amount = tx_amount + 1 WHERE transaction_id = 7")
    again = ingest()
    assert not again["cached"]
    assert again["content"] != first["content"]


def test_a_request_runs_the_query_once(ingest, file, monkeypatch):
    write_database(file)
    runs, spooled = [], query._spooled
    monkeypatch.setattr(query, "_spooled", lambda *given: runs.append(1) or spooled(*given))
    ingest()
    assert len(runs) == 1


def test_rows_committed_while_the_query_streams_are_not_in_the_result(
    tmp_path, file, ingest, rows, monkeypatch
):
    write_database(file)
    monkeypatch.setattr(query, "BLOCK_ROWS", 10)
    fetched = query._until_failure

    def interrupted(blocks, failure):
        for number, block in enumerate(fetched(blocks, failure)):
            if number == 1:
                changed(file, f"INSERT INTO tx VALUES (9999, '{DAY} 12:00:00', 1, 1, 1.0, 0)")
                changed(file, "UPDATE tx SET tx_amount = 0")
            yield block

    monkeypatch.setattr(query, "_until_failure", interrupted)
    ingest()
    assert rows().equals(canonical())
    monkeypatch.undo()
    assert ingest()["rows"] == 201


@pytest.mark.parametrize("sep", [" ", "T"])
def test_bounds_fit_both_ways_in_which_sqlite_has_times(ingest, file, sep):
    outside = [
        (9998, f"2018-03-31{sep}23:59:59.999999", 1, 1, 1.0, 0),
        (9999, f"2018-04-02{sep}00:00:00", 1, 1, 1.0, 0),
    ]
    write_database(file, [*rows_of(transactions(), sep), *outside])
    assert ingest()["rows"] == 200


def test_bounds_are_those_of_the_day_in_the_time_zone_of_the_database(ingest, file, rows):
    start = datetime.fromisoformat(DAY) + timedelta(
        hours=2
    )  # summer time: two hours before UTC
    times = [start - timedelta(seconds=1), start, start + timedelta(hours=24)]
    write_database(file, [(n, str(t), 1, 1, 1.0, 0) for n, t in enumerate(times)])
    ingest(query_pipeline(time_zone="Europe/Berlin"))
    assert rows()["tx_datetime"].to_pylist() == [datetime.fromisoformat(DAY)]
    assert rows()["transaction_id"].to_pylist() == [1]


def test_a_day_without_rows_is_waited_for_until_there_are_later_ones(ingest, file):
    write_database(file, [(1, "2018-03-31 12:00:00", 1, 1, 1.0, 0)])
    with pytest.raises(
        SourceNotReadyError, match=r"no rows of the day 2018-04-01 \(UTC\).*nor of any later"
    ):
        ingest()
    changed(file, "INSERT INTO tx VALUES (2, '2018-04-05 12:00:00', 1, 1, 1.0, 0)")
    assert ingest()["rows"] == 0


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FROM nope WHERE t >= :start AND t < :end", "no such table: nope"),
        ("SELECT nope FROM tx WHERE nope >= :start AND nope < :end", "no such column: nope"),
        ("SELECT * FROM tx WHERE (tx_datetime >= :start AND :end", "syntax error"),
    ],
)
def test_a_wrong_statement_is_permanent_and_in_the_database_s_own_words(
    ingest, file, sql, words
):
    write_database(file)
    with pytest.raises(ConfigError, match=f"{words}.*Correct the statement"):
        ingest(query_pipeline(sql))


def test_a_missing_column_refuses_the_day_with_the_columns_that_there_are(ingest, file):
    write_database(file)
    sql = "SELECT transaction_id, tx_datetime FROM tx WHERE tx_datetime BETWEEN :start AND :end"
    with pytest.raises(
        SchemaError,
        match=r"The query of transactions: no column customer_id.*query returns transaction_id, tx_datetime",
    ):
        ingest(query_pipeline(sql))


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        ("tx_amount", "much", "'TX_AMOUNT' has 'much' of type str in row 3.*have float"),
        (
            "tx_datetime",
            "2018-04-01 noon",
            "The query of transactions: column 'tx_datetime' holds '2018-04-01 noon' in row 3",
        ),
        ("customer_id", 1.5, "'customer_id' holds ••• .* in row 3"),
        ("tx_fraud", b"\x00", "'TX_FRAUD'.*of type bytes in row 3.*have int"),
    ],
)
def test_a_value_of_another_type_refuses_the_day_with_its_row(
    tmp_path, ingest, file, column, value, match
):
    write_database(file)
    changed(file, f"UPDATE tx SET {column} = ? WHERE transaction_id = 3", value)
    with pytest.raises(SchemaError, match=match):
        ingest()
    refusal = json.loads(
        (published(tmp_path / "store", "ingested") / "refusal.json").read_text()
    )
    assert refusal["files"][0]["file"] == "query of transactions"
    changed(file, f"UPDATE tx SET {column} = 1 WHERE transaction_id = 3")
    changed(file, f"UPDATE tx SET tx_datetime = '{DAY} 00:00:00' WHERE transaction_id = 3")
    assert ingest()["rows"] == 200


def test_an_at_sign_in_a_password_is_refused_without_showing_it():
    with pytest.raises(ConfigError, match="percent-encoded, as %40") as caught:
        url_of_text("postgresql://bob:first@second@database:5432/shop")
    assert "second" not in str(caught.value)


def test_nothing_can_be_written(file):
    url = url_of_text(write_database(file))
    with (
        pytest.raises(ConfigError, match=r"readonly database.*only read"),
        in_its_own_words("here"),
        viewed(url, "UTC") as view,
    ):
        view.connection.exec_driver_sql("DELETE FROM tx")


def test_a_database_file_that_is_not_there_is_waited_for_and_not_made(ingest, file):
    with pytest.raises(SourceNotReadyError, match=f"no SQLite database {file}.*four slashes"):
        ingest()
    assert not file.exists()


def test_a_locked_database_is_tried_again(ingest, file, monkeypatch):
    monkeypatch.setattr("pipelines.stages.ingest.sources.database.TIMEOUT_S", 0)
    write_database(file)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("PRAGMA journal_mode=DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(TransientError, match=r"database is locked.*tried again"):
        ingest()
    holder.close()


def test_a_file_that_is_no_database_is_said_so(ingest, file):
    file.write_text("not a database at all, but a text that is long enough" * 50)
    with pytest.raises(ConfigError, match="file is not a database"):
        ingest()


@pytest.mark.parametrize("source", ["/data", "sqlite", "nosuch://host/db"])
def test_a_source_that_is_no_database_is_a_mistake_of_the_call(ingest, source):
    with pytest.raises(ConfigError, match=r"is not the URI of a database|no driver"):
        ingest(source=source)


def test_a_query_without_bounds_is_run_once_and_split_by_event_time(ingest, file, rows):
    other = [(9999, "2018-04-02 00:00:00", 1, 1, 1.0, 0)]
    write_database(file, [*rows_of(transactions()), *other])
    assert ingest(query_pipeline("SELECT * FROM tx"))["rows"] == 200
    assert rows()["transaction_id"].to_pylist() == list(range(200))


def test_rows_that_repeat_an_id_are_in_one_order_as_well(ingest, file, rows):
    twice = [(5, f"{DAY} 10:00:00", 1, 1, amount, 0) for amount in (3.0, 1.0, 2.0)]
    for seed in range(3):
        write_database(file, twice, seed)
        ingest()
        assert rows()["tx_amount"].to_pylist() == [1.0, 2.0, 3.0]


def test_a_plan_has_neither_the_address_nor_a_password(file, tmp_path):
    source = write_database(file) + "?password=geheim"
    planned = stage.plan(work_on("ingest", tmp_path, source, query_pipeline()))
    assert "geheim" not in repr(planned)
    assert list(planned.inputs) == ["query of transactions"]


def test_the_declared_statement_is_checked_without_a_database():
    for sql, words in (
        ("", "Write a SELECT"),
        ("DELETE FROM tx", "begins with 'DELETE'"),
        ("/* SELECT */ UPDATE tx SET a = 1", "begins with 'UPDATE'"),
        ("SELECT 1; DROP TABLE tx", "more than one statement"),
        ("SELECT * FROM tx WHERE t >= :start", "has no :end"),
        ("SELECT * FROM tx WHERE t >= :begin AND t < :end", "parameter :begin"),
    ):
        with pytest.raises(DeclarationError, match=words):
            require_valid(query_pipeline(sql))


def test_the_columns_that_a_block_lacks_are_nulls_of_the_declared_type(ingest, file, rows):
    write_database(file)
    changed(file, "UPDATE tx SET tx_amount = NULL")
    ingest()
    assert rows()["tx_amount"].type == pa.float64()
    assert rows()["tx_amount"].null_count == 200


def test_words_and_epoch_seconds_are_read_as_from_files(tmp_path, ingest, file, rows):
    texts = ["no", "yes", "?"]
    seconds = [
        int(datetime.fromisoformat(f"{DAY}T00:00:0{n}+00:00").timestamp()) for n in range(3)
    ]
    write_database(file, [(n, seconds[n], 1, 1, 1.0, texts[n]) for n in range(3)])
    sql = "SELECT * FROM tx WHERE tx_datetime >= unixepoch(:start) AND tx_datetime < unixepoch(:end)"
    pipeline = query_pipeline(sql)
    columns = {c.name: c for c in pipeline.table.columns}
    changes = {
        "tx_datetime": {"time_format": "epoch_s"},
        "tx_fraud": {"words": {"no": 0, "yes": 1, "?": None}, "nullable": True},
    }
    declared = tuple(replace(columns[name], **changes.get(name, {})) for name in columns)
    table = replace(pipeline.table, columns=declared)
    ingest(replace(pipeline, tables=(table,)))
    assert rows()["tx_fraud"].to_pylist() == [0, 1, None]
    assert rows()["tx_datetime"].to_pylist()[2] == datetime.fromisoformat(f"{DAY} 00:00:02")
