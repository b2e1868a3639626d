"""Files for all time, read once and split by partition."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import (
    PartitionRefusedError,
    SourceNotReadyError,
    SourceUnreadableError,
)
from pipelines.core.partitions import GRAINS, Partitions
from pipelines.core.store import Ref
from pipelines.protocol import perform, stage_named
from pipelines.spec import Source, load
from pipelines.stages.ingest import by_partition
from pipelines.stages.ingest.by_partition import PartitionSpill
from tests.pipelines.shared.tables.made import transactions, work_on

DAYS = ("2018-04-01", "2018-04-02", "2018-04-04")
INGEST = stage_named("ingest")


def pipeline_of(path="all.parquet", kind="parquet", **of_table):
    made = load("fraud_detection")
    table = replace(made.table, source=Source(path=path, format=kind), **of_table)
    return replace(made, tables=(table,))


def all_days():
    """Rows of three days, in no order of time."""
    rows = pa.concat_tables(transactions(50, seed, day) for seed, day in enumerate(DAYS))
    ids = pa.array(np.arange(rows.num_rows))
    rows = rows.set_column(0, "TRANSACTION_ID", ids)
    return rows.take(pa.array(np.random.default_rng(0).permutation(rows.num_rows)))


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    pq.write_table(all_days(), folder / "all.parquet")
    return folder


def ingested(tmp_path, source, day, pipeline=None, store="store"):
    work = work_on("ingest", tmp_path / store, source, pipeline or pipeline_of()).on(day)
    result = perform(INGEST, work)
    return result, work


def rows_of(work):
    manifest = work.find(work.partition_ref("ingested"))
    return pq.read_table(work.store.open(manifest) / "part-0.parquet")


def split_of(work):
    return work.store.find(Ref(work.pipeline.name, "splits", "table=transactions"))


def test_each_day_has_its_rows_as_if_they_had_been_delivered_alone(tmp_path, source):
    every = all_days()
    for day in DAYS:
        _, work = ingested(tmp_path, source, day)
        own = every.filter(
            pa.compute.equal(
                every["TX_DATETIME"].cast(pa.date32()), pa.scalar(date.fromisoformat(day))
            )
        )
        folder = tmp_path / "daily" / f"ds={day}"
        folder.mkdir(parents=True)
        pq.write_table(own, folder / "a.parquet")
        _, alone = ingested(tmp_path, tmp_path / "daily", day, load("fraud_detection"), "other")
        digests = [
            {n: f["sha256"] for n, f in w.find(w.partition_ref("ingested")).files.items()}
            for w in (work, alone)
        ]
        assert digests[0] == digests[1]


def test_the_file_is_read_once_for_all_days(tmp_path, source):
    _, work = ingested(tmp_path, source, DAYS[0])
    split = split_of(work)
    for day in DAYS[1:]:
        ingested(tmp_path, source, day)
    assert split_of(work).made == split.made
    assert split.outcome["partition_rows"] == dict.fromkeys(DAYS, 50)


def test_a_file_that_grew_leaves_the_days_before_as_they_are(tmp_path, source):
    ingested(tmp_path, source, DAYS[0])
    more = transactions(20, 9, "2018-04-05")
    pq.write_table(pa.concat_tables([all_days(), more]), source / "all.parquet")
    assert ingested(tmp_path, source, DAYS[0])[0]["cached"]
    assert ingested(tmp_path, source, "2018-04-05")[0]["rows"] == 20


def test_a_day_between_without_rows_is_empty_and_one_after_the_end_is_waited_for(
    tmp_path, source
):
    assert ingested(tmp_path, source, "2018-04-03")[0]["rows"] == 0
    with pytest.raises(
        SourceNotReadyError, match=r"have rows of 2018-04-01 to 2018-04-04.*2018-04-09 \(UTC"
    ):
        ingested(tmp_path, source, "2018-04-09")


def test_rows_without_a_time_are_kept_counted_and_said(tmp_path, source, caplog):
    rows = all_days()
    times = rows["TX_DATETIME"].to_pylist()
    times[:1] = [None]
    pq.write_table(rows.set_column(1, "TX_DATETIME", pa.array(times)), source / "all.parquet")
    _, work = ingested(tmp_path, source, DAYS[0])
    split = split_of(work)
    assert split.outcome["quarantined"] == {"tx_datetime.not_null": 1}
    assert pq.read_table(work.store.open(split) / "without-time.parquet").num_rows == 1
    assert "split of transactions: 1 row without tx_datetime" in caplog.text


def test_more_rows_without_a_time_than_the_gate_allows_refuse_the_files(tmp_path, source):
    rows = all_days()
    times = rows["TX_DATETIME"].to_pylist()
    times[:3] = [None] * 3
    pq.write_table(rows.set_column(1, "TX_DATETIME", pa.array(times)), source / "all.parquet")
    for day in DAYS:
        with pytest.raises(
            PartitionRefusedError, match=r"3 of 150 rows .* no tx_datetime.*1\.00%"
        ):
            ingested(tmp_path, source, day)
    work = work_on("ingest", tmp_path / "store", source, pipeline_of())
    (split,) = work.store.versions(Ref("fraud_detection", "splits", "table=transactions"))
    assert sorted(split.files) == ["refusal.json", "without-time.parquet"]


def test_a_file_that_cannot_be_read_refuses_each_day_and_is_read_once(tmp_path, source):
    (source / "all.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    os.utime(source / "all.parquet", (0, 0))
    for day in DAYS:
        with pytest.raises(SourceUnreadableError, match=r"all\.parquet"):
            ingested(tmp_path, source, day)


def test_csv_for_all_time_keeps_its_rejected_lines_once(tmp_path):
    folder = tmp_path / "csv"
    folder.mkdir()
    arrow_csv.write_csv(all_days(), folder / "all.csv")
    with (folder / "all.csv").open("a") as file:
        file.write("1,2\n")
    pipeline = pipeline_of("all.csv", "csv")
    result, work = ingested(tmp_path, folder, DAYS[0], pipeline)
    assert result["rows"] == 50
    assert split_of(work).outcome["quarantined"] == {"source.fields": 1}


def test_a_monthly_table_is_ingested_by_month(tmp_path, source):
    result, work = ingested(
        tmp_path, source, "2018-04", pipeline_of(grain="month", unique_days=1)
    )
    assert (result["rows"], work.partition_ref("ingested").key) == (150, "ds=2018-04")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    grain=st.sampled_from(GRAINS),
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
    ),
    seconds=st.lists(st.integers(915_148_800, 1_009_756_800), min_size=1, max_size=60),
    run_rows=st.integers(1, 20),
)
def test_every_row_is_in_the_partition_that_contains_its_time(
    tmp_path_factory, monkeypatch, grain, zone, seconds, run_rows
):
    monkeypatch.setattr(by_partition, "RUN_BYTES", 1)
    times = [datetime.fromtimestamp(second, UTC).replace(tzinfo=None) for second in seconds]
    table = replace(load("fraud_detection").table, grain=grain, unique_days=1)
    rows = transactions(len(times)).set_column(
        1, "TX_DATETIME", pa.array(times, pa.timestamp("us"))
    )
    rows = rows.rename_columns([n.lower() for n in rows.column_names])
    partitions, out = Partitions(grain, zone), tmp_path_factory.mktemp("split")
    pipeline = replace(load("fraud_detection"), tables=(table,), time_zone=zone)
    with PartitionSpill(pipeline, out) as spill:
        for start in range(0, len(times), run_rows):
            spill.add(rows.slice(start, run_rows))
        counts = spill.write_parts(out)
    assert sum(counts.values()) == len(times)
    for key in counts:
        found = pq.read_table(out / f"ds={key}" / "part-0.parquet")
        inside = [
            partitions.start(key).replace(tzinfo=None)
            <= t
            < partitions.end(key).replace(tzinfo=None)
            for t in times
        ]
        assert found["transaction_id"].to_pylist() == [n for n, own in enumerate(inside) if own]
