"""Visits since an operation, in days: when does the disease come back?"""

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
    Survival,
    Table,
)

VISITS = Table(
    name="visits",
    grain="week",
    row_id=("patient_id", "seen"),
    event_time="seen",
    source=Source(path="visits.csv", format="csv"),
    columns=(
        Column("patient_id", "integer"),
        Column("seen", "timestamp", time_format="days", origin="2015-01-01"),
        Column("marker", "number", low=0),
        Column("relapse_days", "number", "Days to the relapse, negative where none was seen."),
    ),
)

PIPELINE = Pipeline(
    name="relapse",
    title="Time to relapse",
    meaning=__doc__,
    tables=(VISITS,),
    examples="visits",
    entities=(Entity("patient", "patient_id"),),
    label=Label("relapse_days", known_after_days=0),
    features=(Numeric("marker"),),
    split=Split(train_days=728, gap_days=0, test_days=182),
    head=Survival(cuts_days=(90, 180, 365)),
    evaluation=Evaluation(alert_entity="patient"),
    schedule=Schedule(start="2015-01-01"),
)
