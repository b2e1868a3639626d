"""What a value becomes on its way from a source to the store."""

import gzip
import io
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import SchemaError
from pipelines.spec import Column
from pipelines.stages.ingest.values.cast import from_text, from_typed
from tests.pipelines.shared.tables.made import (
    DAY,
    HANDBOOK,
    canonical,
    csv_pipeline,
    done,
    published,
    transactions,
    write_source,
)

at = datetime.fromisoformat
CENTS = st.integers(-9_999_999_900, 9_999_999_900).map(lambda n: Decimal(n).scaleb(-2))


def row_name(row):
    return f"row {row}"


def typed(values, column, kind=None):
    array = pa.chunked_array([pa.array(values, kind)])
    return from_typed(array, column, "f", row_name).to_pylist()


def parsed(values, column):
    return from_text(pa.chunked_array([pa.array(values, pa.string())]), column, "f", row_name)


NUMBER, INTEGER, TEXT = Column("n", "number"), Column("i", "integer"), Column("t", "text")
FLAG, TIME = Column("f", "flag"), Column("w", "timestamp")


def test_zero_false_empty_null_and_nan_stay_apart():
    assert typed([0, None], INTEGER) == [0, None]
    numbers = typed([0.0, None, float("nan")], NUMBER)
    assert numbers[:2] == [0.0, None]
    assert np.isnan(numbers[2])
    assert typed(["", None], TEXT) == ["", None]
    assert typed([False, None, True], FLAG) == [0, None, 1]
    with pytest.raises(SchemaError, match=r"is bool .such as False. where text is declared"):
        typed([False], TEXT)


def test_in_csv_an_empty_field_is_null_and_a_quoted_one_is_empty_text(tmp_path):
    column = Column("note", "text", nullable=True)
    pipeline = csv_pipeline()
    source = replace(pipeline.table.source, time_zone="UTC")
    columns = (*pipeline.table.columns, column)
    table = replace(pipeline.table, columns=columns, source=source)
    body = (
        "transaction_id,tx_datetime,customer_id,terminal_id,tx_amount,tx_fraud,note\n"
        '1,2018-04-01,5,7,0,0,""\n'
        '2,2018-04-01T00:00:01Z,5,7,nan,false,"a, ""b""\nc"\n'
        "\n"
        "3,2018-04-01 02:00:02.5+02:00,,7,,True,\n"
    )
    path = tmp_path / f"ds={DAY}" / "x.csv"
    path.parent.mkdir()
    path.write_text("\ufeff" + body)
    done("ingest", tmp_path / "store", tmp_path, replace(pipeline, tables=(table,)))
    rows = pq.read_table(published(tmp_path / "store", "ingested") / "part-0.parquet")
    assert rows["note"].to_pylist() == ["", 'a, "b"\nc', None]
    assert rows["customer_id"].to_pylist() == [5, 5, None]
    assert rows["tx_fraud"].to_pylist() == [0, 0, 1]
    amounts = rows["tx_amount"].to_pylist()
    assert (amounts[0], amounts[2]) == (0.0, None)
    assert np.isnan(amounts[1])
    start = at("2018-04-01")
    expected = [start, start + timedelta(seconds=1), start + timedelta(seconds=2.5)]
    assert rows["tx_datetime"].to_pylist() == expected


@given(st.lists(CENTS, min_size=1))
def test_decimals_become_the_nearest_float_from_parquet_and_from_csv(values):
    expected = [float(value) for value in values]
    assert typed(values, NUMBER, pa.decimal128(12, 2)) == expected
    assert parsed([str(value) for value in values], NUMBER).to_pylist() == expected


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_integers_keep_every_digit_from_parquet_and_from_csv(values):
    assert typed(values, INTEGER, pa.int64()) == values
    assert parsed([f" {value}" for value in values], INTEGER).to_pylist() == values


def test_a_narrow_float_becomes_the_decimal_that_it_stood_for():
    values = np.array([57.16, 0.1, 1234.56, np.nan, np.inf], np.float32)
    column = Column("n", "number", decimals=2)
    assert typed(values, column)[:3] == [57.16, 0.1, 1234.56]
    assert typed(values, NUMBER)[0] == float(np.float32(57.16))
    assert typed([None, 0.1], column, pa.float32()) == [None, 0.1]
    assert typed(np.array([0.123], np.float32), column) == [float(np.float32(0.123))]


def test_whole_floats_become_integers_and_nan_a_missing_one():
    assert typed([1.0, float("nan"), None, -3.0], INTEGER) == [1, None, None, -3]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_a_timestamp_becomes_naive_utc_microseconds(unit, zone):
    seconds = pa.array([1_522_540_800], pa.int64())
    values = seconds.cast(pa.timestamp("s")).cast(pa.timestamp(unit)).cast(pa.int64())
    assert typed(values.cast(pa.timestamp(unit, zone)), TIME) == [at("2018-04-01")]


def test_below_a_microsecond_a_time_is_cut_off():
    assert typed(pa.array([1_999], pa.timestamp("ns")), TIME) == [
        at("1970-01-01T00:00:00.000001")
    ]
    cut = parsed(["2018-04-01T00:00:00.123456789", None], TIME).to_pylist()
    assert cut == [at("2018-04-01T00:00:00.123456"), None]


def test_dates_dictionaries_and_columns_of_nulls_are_taken():
    assert typed([at("2018-04-01").date()], TIME, pa.date32()) == [at("2018-04-01")]
    words = pa.array(["a", None, "a"]).dictionary_encode()
    assert from_typed(pa.chunked_array([words]), TEXT, "f", row_name).to_pylist() == [
        "a",
        None,
        "a",
    ]
    assert typed([None, None], NUMBER, pa.null()) == [None, None]


@given(st.integers(0, 40), st.integers(1, 41))
def test_the_first_value_that_does_not_fit_is_named_wherever_it_is(before, after):
    values = ["1"] * before + ["x"] + ["2"] * after + ["y"]
    with pytest.raises(SchemaError, match=rf"holds 'x' in row {before},"):
        parsed(values, INTEGER)


def test_rows_keep_the_order_of_the_files_names_and_are_numbered_through(tmp_path):
    table = transactions(30)
    write_source(tmp_path, table.slice(10), "part-1.parquet")
    write_source(tmp_path, table.slice(0, 10), "part-0.parquet")
    done("ingest", tmp_path / "store", tmp_path)
    rows = pq.read_table(published(tmp_path / "store", "ingested") / "part-0.parquet")
    assert rows.equals(canonical(30))


def test_csv_and_gzipped_csv_give_the_rows_that_parquet_gives(tmp_path):
    table = transactions(500)
    for kind in ("parquet", "csv", "gz"):
        pipeline = None if kind == "parquet" else csv_pipeline()
        source = tmp_path / kind
        path = write_source(source, table, "part-0.parquet" if kind == "parquet" else "p.csv")
        if kind == "gz":
            path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
        done("ingest", tmp_path / f"store-{kind}", source, pipeline)
    parts = [
        (published(tmp_path / f"store-{kind}", "ingested") / "part-0.parquet").read_bytes()
        for kind in ("parquet", "csv", "gz")
    ]
    assert parts[0] == parts[1] == parts[2]


def test_a_day_without_rows_is_ingested(tmp_path):
    write_source(tmp_path, transactions(0))
    assert done("ingest", tmp_path / "store", tmp_path)["rows"] == 0


def test_a_decimal_source_column_is_ingested_as_float(tmp_path):
    table = transactions(2)
    amounts = pa.array([Decimal("0.29"), Decimal("57.16")], pa.decimal128(10, 2))
    write_source(tmp_path, table.set_column(4, "TX_AMOUNT", amounts))
    done("ingest", tmp_path / "store", tmp_path)
    rows = pq.read_table(published(tmp_path / "store", "ingested") / "part-0.parquet")
    assert rows["tx_amount"].to_pylist() == [0.29, 57.16]


def test_a_value_is_not_read_from_pandas_metadata_in_the_file(tmp_path):
    buffer = io.BytesIO()
    table = transactions(3).replace_schema_metadata({"pandas": "{}"})
    pq.write_table(table, buffer)
    write_source(tmp_path, table)
    done("ingest", tmp_path / "store", tmp_path)
    part = published(tmp_path / "store", "ingested") / "part-0.parquet"
    assert pq.read_schema(part).metadata is None


@pytest.mark.skipif(not HANDBOOK.is_dir(), reason="needs the Handbook's days in ../shared/data")
def test_a_real_day_of_the_handbook_is_ingested_whole(tmp_path):
    result = done("ingest", tmp_path, HANDBOOK)
    source = pq.read_table(HANDBOOK / f"ds={DAY}" / "part-0.parquet")
    rows = pq.read_table(published(tmp_path, "ingested") / "part-0.parquet")
    assert result["rows"] == source.num_rows == 9488
    for name in rows.column_names[:-1]:
        same = source[name.upper()].cast(rows[name].type)
        assert rows[name].combine_chunks().equals(same.combine_chunks())
