"""Times that count from an origin: a day, a column, or an entity's own of a static table."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.core.errors import InputMissingError, PartitionRefusedError, SchemaError
from pipelines.protocol import perform, stage_named
from pipelines.spec import Column, Entity, Source, Table, load, require_valid
from pipelines.spec.origins import Origin
from pipelines.spec.time_formats import RELATIVE
from pipelines.stages.ingest.values.relative_times import OriginRows, RelativeTimes
from tests.pipelines.shared.tables.made import work_on
from tests.pipelines.time_zones import ZONES

US = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


FROM_1900 = Origin("days", day=date(1900, 1, 1))


def instants(numbers, origin=FROM_1900, zone="UTC"):
    """The instants of one column, as aware times; None for null."""
    rows = pa.table({"at": pa.array(numbers, pa.float64())})
    times = RelativeTimes({"at": origin}, zone, {})
    found = times.added(rows, "f", lambda row: f"row {row}")["at"]
    return [None if at is None else at.replace(tzinfo=UTC) for at in found.to_pylist()]


def by_hand(day, number, unit, zone):
    """The origin's midnight, then days by the calendar, or elapsed time."""
    start = datetime.combine(day, time(), ZoneInfo(zone))
    if unit != "days":
        return start.astimezone(UTC) + round(number * RELATIVE[unit]) * US
    whole = math.floor(number)
    more = round((number - whole) * RELATIVE["days"]) * US
    return (start + timedelta(days=whole) + more).astimezone(UTC)


@given(
    st.sampled_from(ZONES),
    st.sampled_from(list(RELATIVE)),
    st.dates(date(1910, 1, 1), date(2100, 1, 1)),
    st.integers(-30_000, 30_000) | st.integers(-240_000, 240_000).map(lambda n: n / 8),
)
@example("Europe/Berlin", "days", date(2026, 1, 1), 180.5)
@example("Europe/Berlin", "days", date(2026, 7, 1), -120)
@example("Pacific/Apia", "days", date(2011, 12, 1), 29)
@example("America/Sao_Paulo", "days", date(2018, 1, 1), 307)
def test_a_number_is_added_to_its_origin_on_local_clocks(zone, unit, day, number):
    found = instants([number, None], Origin(unit, day=day), zone)
    assert found == [by_hand(day, number, unit, zone), None]


def test_a_fraction_is_kept_to_the_microsecond_and_nan_is_a_null():
    found = instants([45_000.000_000_1, -0.5, math.nan])
    start = datetime(1900, 1, 1, tzinfo=UTC)
    assert abs(found[0] - start - timedelta(days=45_000, microseconds=8_640)) <= US
    assert found[1:] == [start - timedelta(hours=12), None]


@pytest.mark.parametrize("number", [1e12, -1e12, math.inf, 3_000_000, -700_000])
def test_a_sum_outside_of_the_calendar_is_refused_with_its_row(number):
    with pytest.raises(
        SchemaError, match=r"column 'at' holds .* in row 1, which gives a time out"
    ):
        instants([0, number])


def test_the_origin_may_be_a_column_which_is_relative_itself():
    day = Origin("days", day=date(2026, 1, 1))
    origins = {"at": Origin("hours", column="admitted"), "admitted": day}
    rows = pa.table({"at": [1.5, 2.0, None], "admitted": [1.0, None, 3.0]})
    found = RelativeTimes(origins, "UTC", {}).added(rows, "f", str)
    assert [t and t.isoformat() for t in found["at"].to_pylist()] == [
        "2026-01-02T01:30:00",
        None,
        None,
    ]


def test_rows_find_their_origin_by_one_or_several_columns():
    entered = pa.array([datetime(2026, 1, n) for n in (1, 2, 3)])  # noqa: DTZ001
    static = pa.table({"site": ["a|b", "a", "c"], "patient": [1, 2, 3], "entered": entered})
    rows = pa.table({"site": ["a", "c", None, "a|b"], "patient": [2, 4, 1, 1]})
    one = Origin("days", column="entered", table="p", keys=("patient",))
    two = replace(one, keys=("site", "patient"))
    days = [
        [t and t.day for t in OriginRows(static).found(rows, o).to_pylist()] for o in (one, two)
    ]
    assert days == [[2, None, 1, 1], [2, None, None, 1]]


VISITS = (
    Column("transaction_id", "integer", low=0),
    Column("day", "timestamp", time_format="days", origin="patients.entered"),
    Column("customer_id", "integer"),
    Column("terminal_id", "integer"),
    Column("tx_amount", "number"),
    Column("tx_fraud", "flag"),
)
PATIENTS = Table(
    "patients",
    (Column("customer_id", "integer"), Column("entered", "timestamp")),
    row_id="customer_id",
    event_time=None,
    source=Source(path="patients.parquet"),
)


def visiting(path="visits.parquet", entered="2026-03-01", zone="Europe/Berlin"):
    """Card fraud with visits whose days count from the entry of each patient."""
    made = load("fraud_detection")
    visits = replace(
        made.table, columns=VISITS, event_time="day", unique_days=1, source=Source(path=path)
    )
    features = tuple(f for f in made.features if "tx_datetime" not in repr(f))
    rules = replace(made.validation, rules=())
    return require_valid(
        replace(
            made, tables=(visits, PATIENTS), features=features, time_zone=zone, validation=rules
        )
    )


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    entered = [datetime(2026, 3, n, 23, 0) for n in (26, 27)]  # noqa: DTZ001  UTC: local midnight
    pq.write_table(
        pa.table(
            {"customer_id": [1, 2], "entered": pa.array(entered, pa.timestamp("us", "UTC"))}
        ),
        folder / "patients.parquet",
    )
    ids = np.arange(6)
    visits = {
        "transaction_id": ids,
        "day": [0.0, 2.0, 3.0, 1.5, 0.0, None],
        "customer_id": [1, 1, 1, 2, 9, 2],
        "terminal_id": ids,
        "tx_amount": ids * 1.0,
        "tx_fraud": ids % 2,
    }
    pq.write_table(pa.table(visits), folder / "visits.parquet")
    return folder


def ran(stage, root, source, pipeline, partition, table=None):
    work = work_on(stage, root, source, pipeline)
    work = work.of_table(table, partition) if table else work.on(partition)
    return perform(stage_named(stage), work), work


def rows_of(work, dataset, file="part-0.parquet"):
    manifest = work.find(work.partition_ref(dataset))
    return pq.read_table(work.store.open(manifest) / file)


def test_days_since_each_patients_entry_are_split_and_validated_by_local_day(tmp_path, source):
    """29 March 2026 has 23 hours in Berlin: day 2 and 3 of patient 1 begin at local midnight."""
    pipeline, root = visiting(), tmp_path / "store"
    # Two of its six visits have no day, or an unknown patient.
    gate = replace(pipeline.validation, max_quarantined_share=0.5)
    pipeline = replace(pipeline, validation=gate)
    with pytest.raises(
        InputMissingError, match=r"ingest fraud_detection --table patients --part"
    ):
        ran("ingest", root, source, pipeline, "2026-03-27")
    for stage in ("ingest", "validate"):
        ran(stage, root, source, pipeline, "all", "patients")
    found = {}
    for day in ("2026-03-27", "2026-03-29", "2026-03-30"):
        _, work = ran("ingest", root, source, pipeline, day)
        found[day] = rows_of(work, "ingested")["transaction_id"].to_pylist()
    assert found == {"2026-03-27": [0], "2026-03-29": [1, 3], "2026-03-30": [2]}
    result, work = ran("validate", root, source, pipeline, "2026-03-29")
    assert result["verdict"] == "accepted"
    assert [str(t) for t in rows_of(work, "validated")["day"].to_pylist()] == [
        "2026-03-28 23:00:00",
        "2026-03-29 10:00:00",
    ]
    (split,) = work.store.versions(
        replace(work.partition_ref("x"), dataset="splits", key="table=transactions")
    )
    assert split.outcome["quarantined"] == {"day.not_null": 2}


def test_a_changed_entry_moves_its_rows_and_no_patient_means_quarantine(tmp_path, source):
    pipeline, root = visiting("visits-{day}.parquet"), tmp_path / "store"
    Path(source / "visits.parquet").rename(source / "visits-2026-03-29.parquet")
    for stage in ("ingest", "validate"):
        ran(stage, root, source, pipeline, "all", "patients")
    first, work = ran("ingest", root, source, pipeline, "2026-03-29")
    with pytest.raises(PartitionRefusedError, match=r"day.partition"):
        ran("validate", root, source, pipeline, "2026-03-29")
    lines = rows_of(work, "validated", "quarantine.parquet")
    by_rule = {
        rule: [
            i
            for i, r in zip(
                lines["transaction_id"].to_pylist(), lines["_rule"].to_pylist(), strict=True
            )
            if r == rule
        ]
        for rule in ("day.not_null", "day.partition")
    }
    assert by_rule == {"day.not_null": [4, 5], "day.partition": [0, 2]}
    rows = pq.read_table(source / "patients.parquet")
    pq.write_table(rows.slice(0, 1), source / "patients.parquet")
    for stage in ("ingest", "validate"):
        ran(stage, root, source, pipeline, "all", "patients")
    again, work = ran("ingest", root, source, pipeline, "2026-03-29")
    assert again["digest"] != first["digest"]
    assert rows_of(work, "ingested")["day"].null_count == 3


def test_an_entity_may_be_a_text_or_several_columns():
    key = Entity("patient", ("customer_id", "terminal_id"))
    made = visiting()
    columns = (*PATIENTS.columns, Column("terminal_id", "integer"))
    patients = replace(PATIENTS, columns=columns, row_id=("customer_id", "terminal_id"))
    both = replace(made, tables=(made.tables[0], patients), entities=(*made.entities, key))
    assert require_valid(both)
