"""Shop orders: which orders are sent back. A table of a SQL database, read day by day."""

from pipelines.spec import (
    Categorical,
    Column,
    Entity,
    Evaluation,
    Label,
    Numeric,
    Pipeline,
    Query,
    Schedule,
    Split,
    Table,
    Trailing,
)

PIPELINE = Pipeline(
    name="shop_orders",
    title="Shop orders",
    meaning=__doc__,
    tables=(
        Table(
            name="orders",
            row_id="order_id",
            event_time="ordered",
            source=Query(
                """
                SELECT o.order_id, o.ordered, o.customer_id, o.amount, a.kind, o.sent_back
                FROM orders o JOIN articles a ON a.article_id = o.article_id
                WHERE o.ordered >= :start AND o.ordered < :end
                """,
                connection="shop",
            ),
            columns=(
                Column("order_id", "integer", "Names one order."),
                Column("ordered", "timestamp", "When it was placed, UTC."),
                Column("customer_id", "integer", "Who placed it."),
                Column("amount", "number", "What was paid.", unit="EUR", low=0, decimals=2),
                Column("kind", "text", "Kind of article."),
                Column("sent_back", "flag", "Whether it was sent back."),
            ),
        ),
    ),
    examples="orders",
    entities=(Entity("customer", "customer_id"),),
    label=Label("sent_back", known_after_days=1),
    features=(
        Numeric("amount"),
        Categorical("kind"),
        Trailing("customer", ("count", "mean"), (1, 7), column="amount"),
    ),
    split=Split(train_days=8, gap_days=1, test_days=3),
    evaluation=Evaluation(alert_entity="customer", alerts_per_day=10),
    schedule=Schedule(start="2026-03-01"),
)
