"""Days of a declared time zone: rows every half hour over both clock changes, each in one day."""

import json
from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.api.work import work_for
from pipelines.core.days import days_between
from pipelines.core.errors import SourceNotReadyError
from pipelines.protocol import perform, stage_named
from pipelines.shared.expectations.rules import rules_of
from pipelines.spec import Source, load, require_valid
from tests.pipelines.shared.tables.made import work_on

HALF_HOUR = np.timedelta64(30, "m")
RANGES = {
    "Europe/Berlin": [("2026-03-27", "2026-03-31"), ("2026-10-23", "2026-10-27")],
    "Australia/Lord_Howe": [("2026-04-03", "2026-04-07"), ("2026-10-02", "2026-10-06")],
    "America/Sao_Paulo": [("2018-02-16", "2018-02-19"), ("2018-11-02", "2018-11-06")],
    "Asia/Kolkata": [("2026-03-27", "2026-03-31")],
}


def in_zone(zone):
    made = load("fraud_detection")
    table = replace(made.table, source=Source(path="all.parquet"), unique_days=None)
    return require_valid(replace(made, tables=(table,), time_zone=zone))


def within(pipeline, day, times):
    rule = next(r for r in rules_of(pipeline, day) if r.name == "tx_datetime.partition")
    start, end = (np.datetime64(rule.kwargs[name]) for name in ("min_value", "max_value"))
    return (times >= start) & (times < end)


@pytest.mark.parametrize("zone", RANGES)
def test_each_row_is_of_the_day_that_local_clocks_show(zone):
    pipeline = in_zone(zone)
    for first, last in RANGES[zone]:
        every = np.arange(np.datetime64(first, "us"), np.datetime64(last, "us"), HALF_HOUR)
        local = [at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)) for at in every.tolist()]
        shown = np.array([str(at.date()) for at in local])
        for day in days_between(first, last):
            np.testing.assert_array_equal(within(pipeline, day, every), shown == day)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    times = np.concatenate(
        [
            np.arange(np.datetime64(a, "us"), np.datetime64(b, "us"), HALF_HOUR)
            for a, b in RANGES["Europe/Berlin"]
        ]
    )
    ids = np.arange(len(times))
    rows = {"TRANSACTION_ID": ids, "TX_DATETIME": times.astype("datetime64[us]")}
    rows |= {"CUSTOMER_ID": ids % 7, "TERMINAL_ID": ids % 5}
    rows |= {"TX_AMOUNT": ids / 4, "TX_FRAUD": ids % 2}
    zoned = pa.array(rows["TX_DATETIME"]).cast(pa.timestamp("us", "UTC"))
    pq.write_table(pa.table(rows | {"TX_DATETIME": zoned}), folder / "all.parquet")
    return folder


@pytest.mark.parametrize(("day", "rows"), [("2026-03-29", 46), ("2026-10-25", 50)])
def test_a_day_of_23_and_of_25_hours_has_its_rows_and_says_its_zone(
    tmp_path, source, day, rows
):
    pipeline = in_zone("Europe/Berlin")
    for stage in ("ingest", "validate"):
        work = work_on(stage, tmp_path, source, pipeline).on(day)
        result = perform(stage_named(stage), work)
    assert (result["rows"], result["verdict"], result["quarantined"]) == (rows, "accepted", {})
    folder = work.store.open(work.find(work.partition_ref("validated")))
    report = json.loads((folder / "report.json").read_text())
    assert report["subject"] == f"transactions of {day} (Europe/Berlin)"


def test_messages_say_which_zone_a_day_is_in(tmp_path, source):
    pipeline, stage = in_zone("Europe/Berlin"), stage_named("ingest")
    given = {"store": str(tmp_path), "source": str(source), "partition": "2026-12-24"}
    with pytest.raises(
        SourceNotReadyError, match=r"^ingest ds=2026-12-24 \(Europe/Berlin\): .*"
    ):
        perform(stage, work_for(stage, pipeline, **given))
    utc = work_for(stage, load("fraud_detection"), **given)
    assert utc.report.work == "ingest ds=2026-12-24"
