"""Visits of a registry's patients: who will have diabetes within two years of a visit?"""

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
)

EVENTS = Table(
    name="events",
    grain="year",
    row_id="event_id",
    event_time="at",
    source=Source(path="events/{year}.parquet"),
    columns=(
        Column("event_id", "integer"),
        Column("patient_id", "integer"),
        Column("at", "timestamp"),
        Column("code", "text", sensitive=False),
        Column("value", "number", nullable=True),
    ),
)
VISITS = Table(
    name="visits",
    grain="year",
    row_id="visit_id",
    event_time="at",
    source=Landmarks(
        table="events",
        entity="patient",
        where=("code", ("visit", "lab")),
        history_days=365,
        free_of=(("code", ("E11", "death")),),
        every_days=365,
    ),
    columns=(
        Column("visit_id", "text"),
        Column("at", "timestamp"),
        Column("patient_id", "integer"),
    ),
)

PIPELINE = Pipeline(
    name="incident_diabetes",
    title="Incident diabetes",
    meaning=__doc__,
    tables=(EVENTS, VISITS),
    examples="visits",
    entities=(Entity("patient", "patient_id"),),
    label=Outcome(table="events", entity="patient", where=("code", "E11"), horizon_days=730),
    features=(
        Trailing("patient", ("count",), (365,), table="events"),
        Trailing(
            "patient", ("last",), (730,), column="value", where=("code", "lab"), table="events"
        ),
    ),
    split=Split(train_days=3650, gap_days=730, test_days=1095),
    evaluation=Evaluation(alert_entity="patient"),
    schedule=Schedule(start="2001-01-01"),
)
