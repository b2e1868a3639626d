"""Visits since an operation, in days: when does the disease come back?"""

from pipelines.spec import (
    Column,
    CoxBaseline,
    Entity,
    Evaluation,
    Gates,
    Label,
    Numeric,
    Pipeline,
    Schedule,
    Source,
    Split,
    Subgroup,
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
    evaluation=Evaluation(
        alert_entity="patient",
        horizons_days=(180, 365),
        subgroups=(Subgroup("marker", cuts=(10.0,)),),
        baseline=CoxBaseline(inputs=("marker",)),
    ),
    gates=Gates(
        limits=(("concordance", 0.6), ("calibration_slope_365d", (0.8, 1.25))),
        min_gain_over_baseline=0.0,
        max_subgroup_gap=(("concordance", 0.1),),
    ),
    schedule=Schedule(start="2015-01-01"),
)
