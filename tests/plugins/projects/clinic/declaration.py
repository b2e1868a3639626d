"""Visits by month, patients without times, and laboratory values by year: a pipeline of several tables."""

from pipelines.spec import (
    Column,
    Entity,
    Evaluation,
    Label,
    Numeric,
    Pipeline,
    Schedule,
    Source,
    Split,
    Table,
    Trailing,
)

VISITS = Table(
    name="visits",
    row_id="visit_id",
    event_time="visited_at",
    grain="month",
    source=Source(path="visits/{year}-{month}.parquet"),
    columns=(
        Column("visit_id", "integer"),
        Column("patient_id", "integer"),
        Column("visited_at", "timestamp"),
        Column("pain", "number", low=0, high=10),
        Column("returned", "flag"),
    ),
)
PATIENTS = Table(
    name="patients",
    row_id="patient_id",
    event_time=None,
    source=Source(path="patients.parquet"),
    columns=(Column("patient_id", "integer"), Column("born", "integer", low=1900)),
)
LABS = Table(
    name="labs",
    row_id="lab_id",
    event_time="measured_at",
    grain="year",
    start="2023-01-01",
    source=Source(path="labs/{year}.parquet"),
    columns=(
        Column("lab_id", "integer"),
        Column("patient_id", "integer"),
        Column("measured_at", "timestamp"),
        Column("value", "number"),
    ),
)

PIPELINE = Pipeline(
    name="clinic",
    title="Clinic",
    meaning=__doc__,
    tables=(VISITS, PATIENTS, LABS),
    examples="visits",
    entities=(Entity("patient", "patient_id"),),
    label=Label("returned", known_after_days=20),
    features=(
        Numeric("pain"),
        Numeric("born", entity="patient", table="patients"),
        Trailing("patient", ("count", "mean"), (60,), column="pain"),
        Trailing("patient", ("mean",), (400,), column="value", table="labs"),
    ),
    split=Split(train_days=180, gap_days=28, test_days=60),
    evaluation=Evaluation(alert_entity="patient"),
    schedule=Schedule(start="2025-01-01", data_cron="30 4 2 * *", model_cron="0 6 3 * *"),
    time_zone="Europe/Berlin",
)
