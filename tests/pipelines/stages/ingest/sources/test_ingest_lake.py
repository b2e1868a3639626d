"""Partitions of Delta Lake tables: rows, versions, bounds and errors."""

import sys
from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from pipelines.core.errors import ConfigError, DeclarationError, SourceNotReadyError
from pipelines.spec import LakeTable, load, require_valid
from tests.pipelines.shared.tables.made import (
    DAY,
    canonical,
    done,
    published,
    transactions,
    with_column,
)


def lake_pipeline(**source):
    """Card fraud with a lake table as its source."""
    pipeline = load("fraud_detection")
    table = replace(pipeline.table, source=LakeTable(path="tx", **source))
    return replace(pipeline, tables=(table,))


@pytest.fixture
def lake(tmp_path):
    """Appends rows to the table."""
    return lambda rows: write_deltalake(tmp_path / "lake/tx", rows, mode="append")


@pytest.fixture
def ingest(tmp_path):
    return lambda pipeline=None: done(
        "ingest", tmp_path / "store", tmp_path / "lake", pipeline or lake_pipeline()
    )


@pytest.fixture
def rows(tmp_path):
    return lambda: pq.read_table(published(tmp_path / "store", "ingested") / "part-0.parquet")


def test_a_partition_is_that_of_a_file_and_rows_of_other_days_are_no_other_work(
    lake, ingest, rows
):
    for day in ("2018-03-31", DAY, "2018-04-02"):
        lake(transactions(day=day))
    first = ingest()
    assert rows().equals(canonical())
    lake(transactions(day="2018-04-03"))
    assert ingest()["digest"] == first["digest"]
    lake(transactions(5, seed=1))
    assert ingest()["rows"] == 205


def test_of_the_rows_of_one_file_those_of_the_day_are_read(lake, ingest, rows):
    days = [transactions(day=day) for day in ("2018-03-31", DAY, "2018-04-02")]
    lake(pa.concat_tables(days))
    ingest()
    assert rows().equals(canonical())


def test_deleted_rows_are_not_read(tmp_path, lake, ingest):
    lake(transactions())
    ingest()
    DeltaTable(tmp_path / "lake/tx").delete("TRANSACTION_ID < 50")
    assert ingest()["rows"] == 150


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.date32()])
def test_bounds_are_those_of_the_day_whatever_the_type_of_its_time(
    lake, ingest, rows, zone, kind
):
    texts = ["2018-03-31", DAY, "2018-04-01T21:59:59", "2018-04-01T22:30", "2018-04-02"]
    times = pa.array([datetime.fromisoformat(text) for text in texts]).cast(kind)
    lake(with_column(transactions(5), "TX_DATETIME", times))
    ingest(lake_pipeline(time_zone=zone))
    # Times without an offset are two hours earlier in UTC; a date is the midnight of its day.
    in_berlin = {pa.timestamp("us"): [2, 3, 4], pa.date32(): [4]} if zone != "UTC" else {}
    assert rows()["transaction_id"].to_pylist() == in_berlin.get(kind, [1, 2, 3])


def test_a_table_or_a_partition_that_is_not_there_yet_is_waited_for(lake, ingest):
    with pytest.raises(SourceNotReadyError, match="there is no Delta Lake table"):
        ingest()
    lake(transactions(day="2018-03-30"))
    with pytest.raises(
        SourceNotReadyError, match=r"version 0 .* no rows of the day 2018-04-01"
    ):
        ingest()
    lake(transactions(day="2018-04-05"))
    assert ingest()["rows"] == 0


def test_a_time_that_is_no_time_in_the_lake_is_said_so(lake, ingest):
    texts = [DAY] * 200
    lake(with_column(transactions(), "TX_DATETIME", pa.array(texts)))
    with pytest.raises(ConfigError, match=r"'tx_datetime' is string.*timestamp or a date"):
        ingest()


def test_iceberg_is_refused_with_what_can_be_done():
    with pytest.raises(DeclarationError, match=r"Iceberg tables cannot be read.*Query"):
        require_valid(lake_pipeline(format="iceberg"))
    with pytest.raises(DeclarationError, match=r"'delts' is not known. Did you mean 'delta'"):
        require_valid(lake_pipeline(format="delts"))


def test_a_missing_library_is_named_with_its_extra(lake, ingest, monkeypatch):
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(ConfigError, match=r"pip install 'millrace\[lake\]'"):
        ingest()
