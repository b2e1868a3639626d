"""Bike hire: which hires are returned late. One CSV for all time, in no order."""

from pipelines.spec import (
    Categorical,
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

PIPELINE = Pipeline(
    name="bike_hire",
    title="Bike hire",
    meaning=__doc__,
    tables=(
        Table(
            name="hires",
            row_id="hire_id",
            event_time="started",
            source=Source(path="hires.csv", format="csv"),
            columns=(
                Column("hire_id", "integer", "Names one hire."),
                Column("started", "timestamp", "When it began, UTC."),
                Column("bike_id", "integer", "The bike."),
                Column("station", "text", "Where it began."),
                Column("minutes", "number", "Minutes that were paid for.", unit="min", low=0),
                Column("late", "flag", "Whether it came back late."),
            ),
        ),
    ),
    examples="hires",
    entities=(Entity("bike", "bike_id"),),
    label=Label("late", known_after_days=1),
    features=(
        Numeric("minutes"),
        Categorical("station"),
        Trailing("bike", ("count", "mean"), (1, 7), column="minutes"),
    ),
    split=Split(train_days=8, gap_days=1, test_days=3),
    evaluation=Evaluation(alert_entity="bike", alerts_per_day=10),
    schedule=Schedule(start="2026-03-01"),
)
