"""Hospital visits as CSV with words, and monthly laboratory values: is a patient admitted again?"""

from pipelines.spec import (
    Binary,
    Bucketize,
    Categorical,
    Clip,
    Column,
    Cyclic,
    DayGate,
    Entity,
    Evaluation,
    Fill,
    Gates,
    Hour,
    Label,
    Limit,
    Log,
    Model,
    Numeric,
    Pipeline,
    QuantileBuckets,
    Rule,
    Schedule,
    Source,
    Split,
    Standardise,
    Table,
    Trailing,
    Training,
    Validation,
    Vocabulary,
    Weekend,
    WindowGate,
)

VISITS = Table(
    name="visits",
    row_id=("hospital", "case_number"),
    event_time="admitted",
    known_time="recorded",
    unique_days=None,
    source=Source(
        path="visits-{year}-{month}-{dayofmonth}.csv.gz",
        format="csv",
        delimiter=";",
        nulls=("", "?"),
        decimal=",",
        thousands=".",
        repeated_hour="first",
    ),
    columns=(
        Column("hospital", "text"),
        Column("case_number", "integer", source_name="Case No."),
        Column("admitted", "timestamp", time_format="%d.%m.%Y %H:%M"),
        Column("recorded", "timestamp", "When the row was written.", time_format="epoch_s"),
        Column("patient", "text", "The patient's number.", sensitive=True),
        Column("ward", "text", values=("surgery", "medicine", "icu")),
        Column("age", "integer", unit="years", low=0, high=120),
        Column("cost", "number", unit="EUR", low=0, decimals=2, nullable=True),
        Column("glucose", "number", source_name="Glucose (mg/dl)", nullable=True),
        Column(
            "readmitted",
            "flag",
            words={"NO": 0, "<30": 1, ">30": 0, "open": None},
            nullable=True,
        ),
    ),
)

LABS = Table(
    name="labs",
    grain="month",
    row_id="result_id",
    event_time="measured",
    source=Source(
        path="labs/{year}-{month}.parquet", root="s3://hospital", connection="hospital_s3"
    ),
    validation=Validation(min_rows=100),
    columns=(
        Column("result_id", "integer"),
        Column("measured", "timestamp"),
        Column("patient", "text"),
        Column("test", "text"),
        Column("value", "number", nullable=True),
    ),
)

FEATURES = (
    Numeric("age") >> QuantileBuckets(n=5),
    Numeric("cost") >> Fill("median", flag=True) >> Log() >> Standardise(),
    Numeric("glucose") >> Clip(low=20, high=600) >> Bucketize(edges=(70, 140, 200)),
    Categorical("ward") >> Vocabulary(min_count=10, max_size=50),
    Hour("admitted") >> Cyclic(period=24),
    Weekend("admitted"),
    Trailing("patient", ("count", "days_since_last"), spans_days=(30, 365)),
    Trailing("patient", ("rate",), (365,), column="readmitted", delay_days=31),
)

PIPELINE = Pipeline(
    name="readmission",
    title="Readmission within 30 days",
    meaning=__doc__,
    time_zone="Europe/Berlin",
    tables=(VISITS, LABS),
    examples="visits",
    entities=(Entity("patient", "patient"),),
    label=Label("readmitted", known_after_days=31),
    features=FEATURES,
    split=Split(train_days=180, gap_days=31, test_days=28, validation_days=14),
    model=Model(hidden=(128, 64), dropout=0.3),
    head=Binary(),
    training=Training(epochs=20, global_batch_rows=128, learning_rate=5e-4, patience=3),
    evaluation=Evaluation(alert_entity="patient", alerts_per_day=20, bootstrap_samples=500),
    gates=Gates(min_auc=0.6, min_average_precision=0.1, max_loss_to_champion=0.01),
    schedule=Schedule(start="2025-01-01", data_cron="0 4 * * *", model_cron="0 6 * * 1"),
    validation=Validation(
        max_quarantined_share=0.02,
        budgets=(("cost.range", 0.001),),
        min_rows=50,
        rules=(
            Rule(
                name="a_stay_costs_something",
                expectation="expect_column_values_to_be_between",
                kwargs=(("column", "cost"), ("min_value", 1)),
                severity="info",
            ),
        ),
        days=DayGate(
            days_back=14, rows_ratio=Limit(warn=2.0, refuse=5.0), excused=("2025-12-25",)
        ),
        window=WindowGate(missing_days=Limit(refuse=0.1), max_label_rate=0.5),
    ),
)
