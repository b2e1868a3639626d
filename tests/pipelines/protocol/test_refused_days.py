"""A day that ingest refuses is a day without rows: nothing behind it waits for it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from millrace.airflow.await_partitions import missing_partitions
from pipelines.core.days import days_between, shift
from pipelines.core.errors import (
    HistoryNotReadyError,
    InputMissingError,
    PartitionRefusedError,
    SchemaError,
    SourceNotReadyError,
    SourceUnreadableError,
)
from pipelines.protocol import perform, stage_named, verdicts
from pipelines.spec import Label, Split, load
from tests.pipelines.cli.test_usage import millrace
from tests.pipelines.shared.tables.made import transactions, with_column, work_on

FIRST = "2018-04-01"
DAYS = days_between(FIRST, shift(FIRST, 5))
BAD = DAYS[2]


@pytest.fixture
def pipeline():
    spec = load("fraud_detection")
    near = tuple(
        replace(f, spans_days=(1, 2), delay_days=min(f.delay_days, 1))
        if hasattr(f, "spans_days")
        else f
        for f in spec.features
    )
    split = Split(train_days=2, gap_days=1, test_days=1)
    return replace(
        spec, features=near, label=Label("tx_fraud", known_after_days=1), split=split
    )


@pytest.fixture
def folders(tmp_path):
    for number, day in enumerate(DAYS):
        table = transactions(120, seed=number, day=day)
        ids = np.arange(120) + 1000 * (number + 1)
        deliver(tmp_path / "source", day, with_column(table, "TRANSACTION_ID", [ids]))
    return tmp_path / "store", tmp_path / "source"


def deliver(source, day, table):
    import pyarrow.parquet as pq

    path = source / f"ds={day}" / "part-0.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def run(stage, folders, pipeline, day):
    store, source = folders
    work = replace(work_on(stage, store, source, pipeline), partition=day)
    return perform(stage_named(stage), work)


def day_run(folders, pipeline, day):
    """One run of the data DAG: featurize is tried whatever became of the other two."""
    try:
        run("ingest", folders, pipeline, day)
        run("validate", folders, pipeline, day)
    except PartitionRefusedError as refused:
        with pytest.raises(PartitionRefusedError, match="so it has no features"):
            run("featurize", folders, pipeline, day)
        return refused
    try:
        run("featurize", folders, pipeline, day)
    except HistoryNotReadyError as waiting:
        return waiting
    return None


def features(folders, pipeline, day):
    work = replace(work_on("featurize", *folders, pipeline), partition=day)
    return work.find(work.partition_ref("features"))


@pytest.mark.parametrize("order", [DAYS, DAYS[::-1]])
def test_later_days_count_a_day_refused_by_ingest_as_empty_in_any_order(
    folders, pipeline, order, monkeypatch
):
    monkeypatch.setattr("pipelines.stages.ingest.damage.SECOND_CHECK_S", 0.001)
    bad = folders[1] / f"ds={BAD}" / "part-0.parquet"
    bad.write_bytes(b"never was Parquet")
    ended = {day: day_run(folders, pipeline, day) for day in order}
    assert isinstance(ended[BAD], SourceUnreadableError)
    made = [day for day in DAYS if features(folders, pipeline, day) is not None]
    assert made == [day for day in DAYS if day != BAD]
    later = features(folders, pipeline, DAYS[3]).inputs
    assert later[f"validated/ds={BAD}"] == "refused"
    store = work_on("", *folders).store
    assert missing_partitions(store, pipeline.name, DAYS) == []
    mended = transactions(120, seed=9, day=BAD)
    deliver(folders[1], BAD, mended)
    assert day_run(folders, pipeline, BAD) is None
    assert features(folders, pipeline, DAYS[3]).inputs[f"validated/ds={BAD}"] != "refused"


def test_a_day_that_was_accepted_and_is_delivered_broken_counts_as_refused(folders, pipeline):
    for day in DAYS[:4]:
        assert day_run(folders, pipeline, day) is None
    table = transactions(120, day=BAD)
    position = table.column_names.index("TX_AMOUNT")
    texts = np.array(["much"] * 120)
    deliver(folders[1], BAD, table.set_column(position, "TX_AMOUNT", [texts]))
    assert isinstance(day_run(folders, pipeline, BAD), SchemaError)
    assert features(folders, pipeline, DAYS[3]).inputs[f"validated/ds={BAD}"] == "refused"
    store = work_on("", *folders).store
    verdict = verdicts.day_verdict(store, pipeline.name, BAD)
    assert (verdict.stage, verdict.outcome["refused_as"]) == ("ingest", "SchemaError")
    with pytest.raises(PartitionRefusedError, match=r"was refused by ingest.*'much'"):
        run("validate", folders, pipeline, BAD)


def test_a_source_that_is_not_there_yet_gives_no_verdict(folders, pipeline):
    (folders[1] / f"ds={BAD}" / "part-0.parquet").unlink()
    with pytest.raises(SourceNotReadyError, match="no file matches"):
        run("ingest", folders, pipeline, BAD)
    store = work_on("", *folders).store
    assert verdicts.day_verdict(store, pipeline.name, BAD) is None
    assert missing_partitions(store, pipeline.name, [BAD]) == [BAD]
    with pytest.raises(InputMissingError, match="is not published"):
        run("featurize", folders, pipeline, BAD)


def test_a_range_of_days_goes_on_after_a_refused_one_and_reports_its_refusal(folders):
    store, source = folders
    (source / f"ds={BAD}" / "part-0.parquet").write_bytes(b"never was Parquet")
    common = ("--store", store, "--from", DAYS[1], "--to", DAYS[3], "--json")
    results = {}
    for stage, more in (("ingest", ("--source", source)), ("validate", ())):
        ended = millrace("stage", stage, "fraud_detection", *common, *more)
        assert ended.returncode == 0, ended.stderr
        results[stage] = json.loads(ended.stdout.splitlines()[-1])
    assert [result["verdict"] for result in results["ingest"]] == ["", "refused", ""]
    assert [result.get("verdict") for result in results["validate"]] == [
        "accepted",
        None,
        "accepted",
    ]
    assert "was refused by ingest" in results["validate"][1]["left"]
