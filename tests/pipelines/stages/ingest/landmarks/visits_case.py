"""Events of patients, and landmarks derived from them: a declaration, made rows, and a plain definition."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from pipelines.core.partitions import Partitions
from pipelines.shared.tables.schema import write_table
from pipelines.spec import (
    Column,
    Entity,
    Evaluation,
    Landmarks,
    Outcome,
    Pipeline,
    Schedule,
    Source,
    Split,
    Table,
    Trailing,
    require_valid,
)
from tests.pipelines.stages.featurize.validated import day_table, publish_validated, work_on

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
CODES = ("visit", "lab", "E11", "death")
EVENTS = Table(
    name="events",
    row_id="event",
    event_time="at",
    source=Source(path="events.parquet"),
    grain="year",
    columns=(
        Column("event", "integer"),
        Column("patient", "integer", nullable=True),
        Column("at", "timestamp"),
        Column("code", "text", nullable=True),
        Column("level", "integer", nullable=True),
    ),
)
LANDMARKS = Table(
    name="landmarks",
    row_id="landmark",
    event_time="time",
    source=Landmarks("events", "patient"),
    grain="year",
    columns=(
        Column("landmark", "text"),
        Column("time", "timestamp"),
        Column("patient", "integer"),
    ),
)


def declared(events="year", landmarks="year", zone="UTC", key="integer", start="", **filters):
    """The pipeline, with the grains of its tables, the type of patients and the filters of landmarks."""

    def with_key(table):
        kinds = (replace(c, type=key) if c.name == "patient" else c for c in table.columns)
        return replace(table, columns=tuple(kinds))

    derived = replace(
        LANDMARKS, grain=landmarks, source=Landmarks("events", "patient", **filters)
    )
    return require_valid(
        Pipeline(
            name="registry",
            title="Diabetes in a registry",
            tables=(with_key(replace(EVENTS, grain=events, start=start)), with_key(derived)),
            examples="landmarks",
            entities=(Entity("patient", "patient"),),
            label=Outcome("events", "patient", ("code", "E11"), horizon_days=365),
            features=(Trailing("patient", ("count",), (365,), table="events"),),
            split=Split(train_days=730, gap_days=365, test_days=365),
            evaluation=Evaluation(alert_entity="patient"),
            schedule=Schedule(start="2001-01-01"),
            time_zone=zone,
            buckets=2,
        )
    )


def known_late(pipeline):
    """The pipeline, whose events say when they became known."""
    events, derived = pipeline.tables
    columns = (*events.columns, Column("known", "timestamp", nullable=True))
    events = replace(events, columns=columns, known_time="known")
    return require_valid(replace(pipeline, tables=(events, derived)))


def made_events(seed, n_rows, first, last, patients=5, key="integer"):
    """Rows of few patients at any second between two instants; some lack the patient or the code."""
    rng = np.random.default_rng(seed)
    seconds = rng.integers(0, int((last - first).total_seconds()), n_rows)
    rows = []
    for number, second in enumerate(seconds.tolist()):
        patient = None if rng.random() < 0.05 else int(rng.integers(0, patients))
        rows.append(
            {
                "event": number,
                "patient": f"no. {patient}"
                if key == "text" and patient is not None
                else patient,
                "at": first + timedelta(seconds=second),
                "code": None
                if rng.random() < 0.05
                else CODES[rng.choice(4, p=(0.5, 0.4, 0.05, 0.05))],
                "level": int(rng.integers(-1, 3)),
            }
        )
    return rows


def write_events(pipeline, folder, rows):
    """Write each partition of events as validated: its end and its file, the latest first."""
    own = pipeline.of_table("events")
    by_key = defaultdict(list)
    for row in rows:
        by_key[own.partitions().of_time(row["at"])].append(row)
    for key, of_key in by_key.items():
        write_table(stored(own, of_key), folder / f"{key}.parquet")
    keys = sorted(by_key, reverse=True)
    return [(own.partitions().end(key), folder / f"{key}.parquet") for key in keys]


def publish_events(pipeline, root, rows, keys=None, refused=()):
    """Publish events as validated: every partition from the first to the last, or those named."""
    partitions = pipeline.of_table("events").partitions()
    by_key = defaultdict(list)
    for row in rows:
        by_key[partitions.of_time(row["at"])].append(row)
    for key in keys or partitions.between(min(by_key), max(by_key)):
        work = work_on(pipeline, root, pipeline.schedule.start, partition=key)
        own = work.of_table("events", key)
        made = None if key in refused else stored(own.pipeline, by_key[key])
        publish_validated(own, key, made)


def stored(pipeline, rows):
    """Rows as the store has them."""
    columns = {c.name: [row[c.name] for row in rows] for c in pipeline.table.columns}
    for column in pipeline.table.columns:
        if column.type == "timestamp":
            times = (
                None if at is None else (at - EPOCH) // MICROSECOND
                for at in columns[column.name]
            )
            columns[column.name] = pa.array(times, pa.int64()).cast(pa.timestamp("us"))
    return day_table(pipeline, columns)


def is_one(row, condition):
    """Whether a row meets a condition."""
    column, wanted = condition
    return row[column] in (wanted if isinstance(wanted, tuple) else (wanted,))


def days_of(source, own):
    """Days of the landmarks of one entity, by their definition, from its days and rows."""
    begins = [d for d, row in own if source.since is None or is_one(row, source.since)]
    if not begins:
        return
    first, periods = min(begins), set()
    visits = {d for d, row in own if source.where is None or is_one(row, source.where)}
    if source.at_days:
        visits = {first + timedelta(days=n) for n in source.at_days}
    for day in sorted(visit for visit in visits if visit >= first):
        before = [row for d, row in own if d <= day]
        period = (day - first).days // source.every_days if source.every_days else day
        is_free = not any(is_one(row, each) for row in before for each in source.free_of)
        if (day - first).days >= source.history_days and is_free and period not in periods:
            periods.add(period)
            yield day


def landmarks_of(pipeline, rows, key):
    """The landmarks of a partition by their definition: dictionaries of lists, one day after another."""
    source, partitions = pipeline.table.source, pipeline.partitions()
    days, zone = Partitions("day", pipeline.time_zone), ZoneInfo(pipeline.time_zone)
    seen = defaultdict(list)
    for row in rows:
        if row["at"] < partitions.end(key) and row["patient"] is not None:
            seen[row["patient"]].append((date.fromisoformat(days.of_time(row["at"])), row))
    found = []
    for patient, own in seen.items():
        for day in days_of(source, own):
            at = datetime.combine(day, time(23, 59, 59), zone).astimezone(UTC)
            if partitions.start(key) <= at < partitions.end(key):
                row = {"landmark": f"{patient}@{day}", "time": at, "patient": patient}
                found.append((day, patient, row))
    return [row for _, _, row in sorted(found, key=lambda each: each[:2])]
