"""Orders in a lakehouse: does a customer order again within two weeks?"""

from pipelines.spec import (
    Column,
    Entity,
    Evaluation,
    LakeTable,
    Numeric,
    Outcome,
    Pipeline,
    Schedule,
    Sequence,
    Split,
    Table,
    Transformer,
)

ORDERS = Table(
    name="orders",
    row_id="order_id",
    event_time="placed",
    source=LakeTable(path="shop/orders", format="delta"),
    columns=(
        Column("order_id", "integer"),
        Column("placed", "timestamp"),
        Column("customer_id", "integer"),
        Column("amount", "number", low=0),
        Column("paid", "flag"),
    ),
)

PIPELINE = Pipeline(
    name="repeat_order",
    title="Repeat orders",
    meaning=__doc__,
    tables=(ORDERS,),
    examples="orders",
    entities=(Entity("customer", "customer_id"),),
    label=Outcome(
        table="orders",
        entity="customer",
        where=("paid", 1),
        horizon_days=14,
        known_after_days=1,
        recurrent=True,
    ),
    features=(
        Numeric("amount"),
        Sequence("customer", columns=("amount",), steps=16, within_days=90),
    ),
    split=Split(train_days=60, gap_days=15, test_days=14),
    model=Transformer(width=32, heads=2, blocks=1),
    evaluation=Evaluation(alert_entity="customer"),
    schedule=Schedule(start="2026-01-01"),
)
