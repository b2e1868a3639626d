"""Visits to a laboratory's clinic: who returns. Fed by the laboratory's values of 35 years."""

from pipelines.spec import (
    Column,
    Entity,
    Evaluation,
    Label,
    Pipeline,
    Schedule,
    Source,
    Split,
    Table,
    Trailing,
)

PIPELINE = Pipeline(
    name="laboratory",
    title="Returns to a clinic",
    meaning=__doc__,
    tables=(
        Table(
            name="visits",
            row_id="visit",
            event_time="came",
            grain="month",
            source=Source(path="visits/{year}-{month}.csv", format="csv"),
            columns=(
                Column("visit", "integer", "Names one visit."),
                Column("came", "timestamp", "When, UTC."),
                Column("patient", "integer", "Who came."),
                Column("returned", "flag", "Whether the patient returned within a month."),
            ),
        ),
        Table(
            name="labs",
            row_id="lab",
            event_time="taken",
            grain="year",
            start="1990-01-01",
            source=Source(path="labs.csv", format="csv"),
            columns=(
                Column("lab", "integer", "Names one value."),
                Column("taken", "timestamp", "When, UTC."),
                Column("patient", "integer", "Whose it is."),
                Column("test", "text", "What was measured."),
                Column("value", "number", "The value.", nullable=True),
            ),
        ),
    ),
    examples="visits",
    entities=(Entity("patient", "patient"),),
    label=Label("returned", known_after_days=30),
    features=(
        Trailing(
            "patient",
            ("last", "mean"),
            (3653,),
            column="value",
            where=("test", "hdl"),
            table="labs",
        ),
        Trailing("patient", ("count", "days_since_last"), (12_784,), table="labs"),
    ),
    split=Split(train_days=7 * 30, gap_days=30, test_days=60),
    evaluation=Evaluation(alert_entity="patient", alerts_per_day=3),
    schedule=Schedule(start="2024-01-01"),
)
