"""Support calls: which callers cancel. Daily files, fed by bills of which there is a file a month."""

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

PIPELINE = Pipeline(
    name="support_calls",
    title="Support calls",
    meaning=__doc__,
    tables=(
        Table(
            name="calls",
            row_id="call_id",
            event_time="called",
            source=Source(path="calls/{day}.csv", format="csv"),
            columns=(
                Column("call_id", "integer", "Names one call."),
                Column("called", "timestamp", "When it began, UTC."),
                Column("customer", "text", "Who called."),
                Column("minutes", "number", "How long it took.", unit="min", low=0),
                Column(
                    "cancelled", "flag", "Whether the customer cancelled in the week after."
                ),
            ),
        ),
        Table(
            name="bills",
            row_id=("customer", "billed"),
            event_time="billed",
            grain="month",
            start="2026-01-01",
            source=Source(path="bills/{year}-{month}.csv", format="csv"),
            columns=(
                Column("customer", "text", "Who was billed."),
                Column("billed", "timestamp", "When, UTC."),
                Column("amount", "number", "What was billed.", unit="EUR", low=0, decimals=2),
                Column("late", "flag", "Whether it was paid late."),
            ),
        ),
    ),
    examples="calls",
    entities=(Entity("customer", "customer"),),
    label=Label("cancelled", known_after_days=1),
    features=(
        Numeric("minutes"),
        Trailing("customer", ("last", "count"), (92,), column="amount", table="bills"),
        Trailing("customer", ("rate",), (92,), column="late", table="bills"),
    ),
    split=Split(train_days=8, gap_days=1, test_days=3),
    evaluation=Evaluation(alert_entity="customer", alerts_per_day=10),
    schedule=Schedule(start="2026-03-01"),
)
