"""Flights in a database: how many minutes late does one arrive?"""

from pipelines.spec import (
    As,
    Categorical,
    Choice,
    Column,
    DeepCross,
    Entity,
    Evaluation,
    Gates,
    Hash,
    Hour,
    Label,
    Night,
    Numeric,
    Pipeline,
    Query,
    Range,
    Ratio,
    Regression,
    Schedule,
    Search,
    Split,
    Standardise,
    Table,
    Trailing,
    Weekday,
)

FLIGHTS = Table(
    name="flights",
    row_id=("carrier", "flight", "scheduled"),
    event_time="scheduled",
    source=Query(
        sql="select * from flights where scheduled >= :start and scheduled < :end",
        connection="airline",
        time_zone="America/New_York",
    ),
    columns=(
        Column("carrier", "text"),
        Column("flight", "integer"),
        Column("scheduled", "timestamp"),
        Column("tail_number", "text", nullable=True),
        Column("distance", "number", unit="miles", low=0),
        Column("seats", "number", low=1),
        Column(
            "arrival_delay", "number", "Null for a cancelled flight.", unit="min", nullable=True
        ),
    ),
)

PIPELINE = Pipeline(
    name="arrival_delay",
    title="Arrival delay",
    meaning=__doc__,
    time_zone="America/New_York",
    tables=(FLIGHTS,),
    examples="flights",
    entities=(Entity("line", ("carrier", "flight")),),
    label=Label("arrival_delay", known_after_days=1),
    features=(
        Numeric("distance"),
        Numeric("seats"),
        Ratio("distance", "seats") >> As("reach") >> Standardise(),
        Categorical("tail_number") >> Hash(buckets=4_096),
        Hour("scheduled"),
        Weekday("scheduled"),
        Night("scheduled", last_hour=5),
        Trailing("line", ("mean", "max"), (7, 28), column="arrival_delay", delay_days=1),
    ),
    split=Split(train_days=60, gap_days=1, test_days=14),
    model=DeepCross(cross_layers=2, hidden=(128,)),
    head=Regression(loss="huber", center=7.0, scale=45.0),
    search=Search(
        space=(
            Choice("model", values=("dense", "deep_cross")),
            Range("training.learning_rate", low=1e-4, high=1e-2, log=True),
        ),
        trials=12,
    ),
    evaluation=Evaluation(alert_entity="line"),
    gates=Gates(limits=(("rmse", 40.0),)),
    schedule=Schedule(start="2013-01-01"),
)
