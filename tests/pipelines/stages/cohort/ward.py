"""Patients whose visits, diagnoses, death and end of follow-up are made at random, and published as validated."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.protocol import perform, stage_named
from pipelines.spec import (
    Column,
    Entity,
    Evaluation,
    Label,
    Model,
    Numeric,
    Outcome,
    Pipeline,
    Schedule,
    Source,
    Split,
    Survival,
    Table,
    Trailing,
    Training,
    require_valid,
)
from tests.pipelines.stages.featurize.validated import day_table, publish_validated, work_on

START, AS_OF = "2020-01-01", "2022-01-01"
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
MONTHS = [f"{year}-{month:02d}" for year in (2020, 2021) for month in range(1, 13)]
HORIZON = 90
DAY_US = 86_400_000_000
OUTCOME = Outcome(
    table="events",
    entity="patient",
    where=("code", ("diabetes", "insulin")),
    competing=("code", "death"),
    horizon_days=HORIZON,
    followed_until="patients.until",
)
BY_TIME = Split(train_days=365, gap_days=90, test_days=150, validation_days=60)
BY_ENTITY = Split(
    train_days=600, gap_days=0, test_days=0, by="entity", entity="patient", validation_folds=1
)
BY_BOTH = replace(BY_TIME, by="both", entity="patient", folds=3)


def ward(key="integer", grain="month", events="month", known_time=None, **more):
    """The declaration, with the type of patients and the grains of its tables."""
    patient = Column("patient", key, nullable=True)
    visits = Table(
        name="visits",
        source=Source(path="visits/*.parquet"),
        columns=(
            Column("visit", "integer"),
            patient,
            Column("came", "timestamp"),
            Column("pressure", "number", nullable=True),
            Column("better", "flag"),
        ),
        row_id="visit",
        event_time="came",
        grain=grain,
    )
    known = (Column("known", "timestamp"),) if known_time else ()
    events_table = Table(
        name="events",
        source=Source(path="events/*.parquet"),
        columns=(
            Column("event", "integer"),
            patient,
            Column("happened", "timestamp"),
            Column("code", "text", nullable=True),
            *known,
        ),
        row_id="event",
        event_time="happened",
        known_time=known_time,
        grain=events,
    )
    patients = Table(
        name="patients",
        source=Source(path="patients/*.parquet"),
        columns=(Column("patient", key), Column("until", "timestamp", nullable=True)),
        row_id="patient",
        event_time=None,
    )
    declared = {
        "name": "ward",
        "title": "Diabetes on a ward",
        "tables": (visits, events_table, patients),
        "examples": "visits",
        "entities": (Entity("patient", "patient"),),
        "label": OUTCOME,
        "features": (
            Numeric("pressure"),
            Trailing("patient", ("count",), (60,)),
        ),
        "split": BY_TIME,
        "head": Survival(cuts_days=(30, 60, HORIZON)),
        "model": Model(hidden=(4,)),
        "training": Training(epochs=2, min_rows=10, global_batch_rows=64),
        "evaluation": Evaluation(alert_entity="patient", bootstrap_samples=5),
        "schedule": Schedule(start=START),
        "buckets": 2,
    }
    return require_valid(Pipeline(**(declared | more)))


COLUMN = Label("better", known_after_days=0)


@dataclass(frozen=True)
class Story:
    """Rows of the three tables, each a list of dictionaries."""

    visits: list
    events: list
    patients: list

    def of(self, table):
        return getattr(self, table)


def made(seed=0, patients=60, visits=600, events=90, days=730, step_minutes=360):
    """Random rows on a coarse grid of times, so that ties are common."""
    rng = np.random.default_rng(seed)
    steps = days * 24 * 60 // step_minutes

    def at(number):
        return [
            FIRST + timedelta(minutes=step_minutes * int(n))
            for n in rng.integers(0, steps, number)
        ]

    def who(number):
        return [
            None if rng.random() < 0.02 else int(n) for n in rng.integers(0, patients, number)
        ]

    codes = ["diabetes", "insulin", "death", "cold", None]
    pressure = rng.normal(120, 15, visits).round(1).tolist()
    until = [None if rng.random() < 0.2 else time for time in at(patients)]
    return Story(
        [
            {
                "visit": n,
                "patient": p,
                "came": t,
                "pressure": v,
                "better": int(rng.integers(0, 2)),
            }
            for n, (p, t, v) in enumerate(zip(who(visits), at(visits), pressure, strict=True))
        ],
        [
            {
                "event": n,
                "patient": p,
                "happened": t,
                "code": codes[rng.integers(0, 5)],
                "known": t,
            }
            for n, (p, t) in enumerate(zip(who(events), at(events), strict=True))
        ],
        [{"patient": p, "until": t} for p, t in enumerate(until)],
    )


def published(pipeline, root, story):
    """Publish every partition of the story as validated, and the features of the visits'."""
    for table in pipeline.tables:
        partitions = table.partitions()
        keys = ["all"] if table.event_time is None else partitions.of_days(START, "2021-12-31")
        by_key = {key: [] for key in keys}
        for row in story.of(table.name):
            time = table.event_time and row[table.event_time]
            by_key[partitions.of_time(time) if time else "all"].append(row)
        for key, rows in by_key.items():
            publish(pipeline, root, table.name, key, rows)
    for key in pipeline.partitions().of_days(START, "2021-12-31"):
        work = work_on(pipeline, root, START, partition=key)
        perform(stage_named("featurize"), work, reach=False)


def publish(pipeline, root, table, key, rows):
    work = work_on(pipeline, root, START, partition=key).of_table(table, key)
    columns = {}
    for column in work.pipeline.table.columns:
        values = [row[column.name] for row in rows]
        if column.type == "text" and column.name == "patient":
            values = [None if v is None else f"p{v}" for v in values]
        kind = {"timestamp": pa.timestamp("us"), "text": pa.string(), "number": pa.float64()}
        columns[column.name] = pa.array(
            [v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in values],
            kind.get(column.type, pa.int64()),
        )
    publish_validated(work, key, day_table(work.pipeline, columns))


def done(stage, pipeline, root, as_of=AS_OF, **given):
    """The result of a stage for the model, and the folder that it published."""
    work = work_on(pipeline, root, START, as_of=as_of, **given)
    result = perform(stage_named(stage), work)
    manifest = work.store.find_version(
        work.window_ref(stage_named(stage).dataset)
        if stage_named(stage).scope == "window"
        else work.model_ref(stage_named(stage).dataset),
        result["digest"],
    )
    return result, work.store.open(manifest)
