"""Flights: how late they arrive. Daily CSV in local time, text tail numbers, cancelled flights without a delay."""

from pipelines.spec import (
    Categorical,
    Column,
    Cyclic,
    Entity,
    Evaluation,
    Hour,
    Label,
    Numeric,
    Pipeline,
    Regression,
    Schedule,
    Source,
    Split,
    Table,
    Trailing,
    Weekend,
)

PIPELINE = Pipeline(
    name="flights",
    title="Flights",
    meaning=__doc__,
    time_zone="America/New_York",
    tables=(
        Table(
            name="departures",
            row_id=("tail_number", "departs"),
            event_time="departs",
            source=Source(
                path="{day}.csv", format="csv", nulls=("", "NA"), repeated_hour="first"
            ),
            columns=(
                Column(
                    "departs",
                    "timestamp",
                    time_format="%m/%d/%Y %H:%M",
                    source_name="Sched Dep",
                ),
                Column("tail_number", "text", "The plane.", source_name="Tail #"),
                Column("carrier", "text", "Who flies."),
                Column("miles", "number", "Distance.", unit="mi", low=0),
                Column(
                    "delay",
                    "number",
                    "Minutes late on arrival; none if cancelled.",
                    unit="min",
                    nullable=True,
                ),
            ),
        ),
    ),
    examples="departures",
    entities=(Entity("plane", "tail_number"),),
    label=Label("delay", known_after_days=1),
    features=(
        Numeric("miles"),
        Categorical("carrier"),
        Hour("departs"),
        Hour("departs") >> Cyclic(24),
        Weekend("departs"),
        Trailing("plane", ("count", "mean"), (1, 3), column="delay", delay_days=1),
    ),
    head=Regression(center=10.0, scale=20.0),
    split=Split(train_days=4, gap_days=1, test_days=1),
    evaluation=Evaluation(),
    schedule=Schedule(start="2026-10-29"),
)
