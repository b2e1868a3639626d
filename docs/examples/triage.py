"""Calls at a clinic by the hour: to which of three queues does one belong?"""

from pipelines.spec import (
    Builder,
    Column,
    Entity,
    Evaluation,
    Label,
    MultiClass,
    Numeric,
    Pipeline,
    Schedule,
    Source,
    Split,
    Table,
    Trailing,
)

CALLS = Table(
    name="calls",
    grain="hour",
    row_id="call_id",
    event_time="called",
    source=Source(path="{day}/calls-{hour}.jsonl", format="json"),
    columns=(
        Column("call_id", "integer"),
        Column("called", "timestamp"),
        Column("caller_id", "integer"),
        Column("waited_s", "number", low=0),
        Column("queue", "integer", words={"routine": 0, "urgent": 1, "emergency": 2}),
    ),
)

PIPELINE = Pipeline(
    name="triage",
    title="Queues of calls",
    meaning=__doc__,
    tables=(CALLS,),
    examples="calls",
    entities=(Entity("caller", "caller_id"),),
    label=Label("queue", known_after_days=1),
    features=(
        Numeric("waited_s"),
        Trailing("caller", ("count",), spans_s=(3_600,), spans_days=(7,)),
    ),
    split=Split(train_days=28, gap_days=1, test_days=7),
    model=Builder("docs.examples.own_network.build", settings=(("width", 16),)),
    head=MultiClass(classes=3),
    evaluation=Evaluation(alert_entity="caller"),
    schedule=Schedule(start="2026-01-01"),
)
