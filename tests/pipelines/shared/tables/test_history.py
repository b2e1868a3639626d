from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.shared.tables.hashing import bucket_of
from pipelines.shared.tables.history import history_columns, scaled
from pipelines.shared.tables.reading import read_bucket
from pipelines.spec import load
from tests.pipelines.shared.tables.histories import write_histories
from tests.pipelines.shared.tables.made import canonical, with_column

COLUMNS = ["_entity", "_time_s", "terminal_id", "tx_amount", "tx_fraud", "_position"]


def pipeline_of(buckets):
    return replace(load("fraud_detection"), buckets=buckets)


@settings(max_examples=30)
@given(rows=st.integers(0, 60), buckets=st.integers(1, 9), seed=st.integers(0, 5))
def test_buckets_hold_every_row_once_in_the_order_of_the_day(
    tmp_path_factory, rows, buckets, seed
):
    folder, table = tmp_path_factory.mktemp("h"), canonical(rows, seed)
    write_histories(table, pipeline_of(buckets), folder)
    path = folder / "history-customer.parquet"
    assert pq.read_metadata(path).num_row_groups == buckets
    customer = table["customer_id"].to_numpy()
    for bucket in range(buckets):
        read = read_bucket(path, bucket, COLUMNS)
        expected = np.flatnonzero(bucket_of(customer, buckets) == bucket)
        assert read["_position"].tolist() == expected.tolist()
        assert read["_entity"].tolist() == customer[expected].tolist()
        cents = np.round(table["tx_amount"].to_numpy()[expected] * 100)
        assert read["tx_amount"].tolist() == cents.tolist()


def test_each_entity_has_a_file_with_the_other_entitys_column(tmp_path):
    write_histories(canonical(50), pipeline_of(2), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "history-customer.parquet",
        "history-terminal.parquet",
    ]
    schema = pq.read_schema(tmp_path / "history-terminal.parquet")
    assert schema.names == [
        "_entity",
        "_time_s",
        "customer_id",
        "tx_amount",
        "tx_fraud",
        "_position",
    ]
    assert schema.field("tx_amount").type == pa.int64()
    assert schema.field("_position").type == pa.int32()


def test_time_is_in_whole_seconds_since_1970_utc(tmp_path):
    table = canonical(1)
    early = pa.array([-1_500_000], pa.timestamp("us"))
    write_histories(with_column(table, "tx_datetime", early), pipeline_of(1), tmp_path)
    assert read_bucket(tmp_path / "history-customer.parquet", 0, ["_time_s"])["_time_s"] == [-2]


def test_a_row_without_an_entity_has_no_history_and_the_others_keep_their_positions(tmp_path):
    table = canonical(3)
    customers = pa.array([7, None, 9], pa.int64())
    write_histories(with_column(table, "customer_id", customers), pipeline_of(1), tmp_path)
    read = read_bucket(tmp_path / "history-customer.parquet", 0, ["_entity", "_position"])
    assert read["_entity"].tolist() == [7, 9]
    assert read["_position"].tolist() == [0, 2]


def test_a_bucket_of_more_than_a_million_rows_stays_one_row_group(tmp_path):
    rows = 1_048_577
    write_histories(canonical(rows), pipeline_of(1), tmp_path)
    metadata = pq.read_metadata(tmp_path / "history-customer.parquet")
    assert metadata.num_row_groups == 1
    assert metadata.row_group(0).num_rows == rows


def test_a_damaged_history_is_refused_rather_than_read(tmp_path):
    write_histories(canonical(500), pipeline_of(1), tmp_path)
    path = tmp_path / "history-customer.parquet"
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(OSError, match="CRC"):
        read_bucket(path, 0, COLUMNS)


def test_amounts_become_exact_cents_and_nan_becomes_null():
    cents = np.arange(300_000)
    values = pa.chunked_array([np.append(cents / 100, np.nan)])
    multiple = scaled(values, 2)
    assert multiple.null_count == 1
    assert (multiple.drop_null().to_numpy() == cents).all()


def test_a_history_carries_numeric_columns_but_not_the_row_id_nor_the_time():
    names = [column.name for column in history_columns(load("fraud_detection"), "customer")]
    assert names == ["terminal_id", "tx_amount", "tx_fraud"]
