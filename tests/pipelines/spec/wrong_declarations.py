"""Declarations with wrong values: any field of a declaration of everything, replaced by any value."""

from dataclasses import fields, is_dataclass, replace
from decimal import Decimal

from hypothesis import strategies as st

from pipelines.spec import (
    As,
    Bucketize,
    Categorical,
    Choice,
    Clip,
    Column,
    Cyclic,
    Entity,
    Evaluation,
    Fill,
    Gates,
    Hash,
    Hour,
    Label,
    Limit,
    Log,
    MultiClass,
    Night,
    Numeric,
    Outcome,
    Pipeline,
    QuantileBuckets,
    Query,
    Range,
    Ratio,
    Regression,
    Rule,
    Schedule,
    Search,
    Sequence,
    Source,
    Split,
    Standardise,
    Survival,
    Table,
    Trailing,
    Transformer,
    Validation,
    Vocabulary,
    Weekday,
    Weekend,
    require_valid,
)

SALES = Table(
    name="sales",
    columns=(
        Column("sale", "integer"),
        Column("line", "integer"),
        Column("at", "timestamp"),
        Column("known", "timestamp"),
        Column("shop", "text", sensitive=False),
        Column("till", "integer", nullable=True),
        Column("kind", "text", values=("cash", "card")),
        Column("price", "number", low=0.0, high=1e6, decimals=2),
        Column("weight", "number", nullable=True),
        Column("returned", "integer", words={"no": 0, "yes": 1}),
    ),
    row_id=("sale", "line"),
    event_time="at",
    known_time="known",
    source=Source(path="{day}.csv", format="csv"),
)
SHOPS = Table(
    name="shops",
    columns=(Column("shop", "text"), Column("area", "number")),
    row_id="shop",
    event_time=None,
    source=Source(path="shops.csv", format="csv"),
    validation=Validation(min_rows=2),
)
STOCK = Table(
    name="stock",
    columns=(
        Column("id", "integer"),
        Column("counted", "timestamp"),
        Column("shop", "text"),
        Column("parts", "integer"),
    ),
    row_id="id",
    event_time="counted",
    grain="month",
    source=Query("SELECT * FROM stock WHERE counted >= :start AND counted < :end", "shop_db"),
)
EVERYTHING = require_valid(
    Pipeline(
        name="sales",
        title="Sales that come back",
        tables=(SALES, SHOPS, STOCK),
        examples="sales",
        entities=(Entity("shop", "shop"), Entity("till", ("shop", "till"))),
        label=Label("returned", known_after_days=2),
        features=(
            Numeric("price") >> Fill("median", flag=True) >> Log() >> Standardise(),
            Numeric("price") >> Clip(high=100.0) >> As("cheap"),
            Numeric("weight") >> QuantileBuckets(4),
            Numeric("till") >> Bucketize((1.0, 2.0, 5.0)),
            Categorical("kind"),
            Categorical("shop") >> Hash(64),
            Categorical("line") >> Vocabulary(min_count=2),
            Hour("at") >> Cyclic(24.0),
            Weekday("at"),
            Weekend("at"),
            Night("at", last_hour=5),
            Trailing("shop", ("count", "mean", "distinct"), (1, 7), column="price"),
            Trailing("till", ("rate",), (7,), column="returned", delay_days=2),
            Trailing("shop", ("count",), (1,), where=("kind", "card"), spans_s=(3600,)),
            Sequence("shop", ("price", "weight"), steps=4),
            Numeric("area", entity="shop", table="shops"),
            Trailing("shop", ("count", "max"), (60,), column="parts", table="stock"),
            Ratio("shop_mean_price_1d", "shop_mean_price_7d"),
        ),
        split=Split(train_days=7, gap_days=2, test_days=2, validation_days=1),
        evaluation=Evaluation(alert_entity="shop", alerts_per_day=5, bootstrap_samples=20),
        schedule=Schedule(start="2026-01-01", data_cron="0 1 * * *"),
        model=Transformer(width=8, heads=2, blocks=1, hidden=(8,)),
        search=Search((Range("training.learning_rate", 1e-4, 1e-2, log=True),)),
        gates=Gates(limits=(("auc", 0.6),)),
        validation=Validation(
            budgets=(("price.range", 0.1),),
            rules=(
                Rule(
                    "mine",
                    "expect_column_values_to_be_between",
                    (("column", "price"), ("min_value", {"$PARAMETER": "least"})),
                ),
            ),
            parameters=(("least", 0),),
        ),
    )
)

numbers = st.one_of(
    st.integers(-3, 40),
    st.sampled_from([2**31, 2**63, -(2**63) - 1, 10**400, 1e308, -0.0, 0.5, -1.5, 1e-320]),
    st.floats(),
    st.decimals(allow_nan=True),
)
names = st.sampled_from(
    [
        *(
            "sale",
            "at",
            "known",
            "shop",
            "till",
            "kind",
            "price",
            "weight",
            "returned",
            "stock",
        ),
        *(
            "sales",
            "shops",
            "month",
            "hour",
            "text",
            "number",
            "timestamp",
            "auc",
            "Europe/Berlin",
        ),
    ]
)
texts = st.one_of(
    names,
    st.text(max_size=8),
    st.sampled_from(["", "\0", "\ud800", "{day}", "../x", "a" * 300]),
)
plain = st.one_of(st.none(), st.booleans(), numbers, texts, st.binary(max_size=2))
parts = st.sampled_from(
    [
        *(SALES, SHOPS, SALES.columns[0], Entity("shop", "shop"), Numeric("price"), Log()),
        *(Numeric("shop"), Hour("price"), Categorical("at"), Trailing("shop", ("sum",), (1,))),
        *(
            Limit(warn=1.0),
            MultiClass(3),
            Regression(),
            Survival((1.0, 2.0)),
            Choice("model", ()),
        ),
        *(Outcome("stock", "shop", ("parts", 0), 30), Label("price", 0), Source(), Query("x")),
        *(object(), Numeric, Decimal(1), {1: 2}, {"a": None}, range(3), lambda: None),
    ]
)
values = st.one_of(
    plain,
    parts,
    st.lists(plain, max_size=3),
    st.lists(st.one_of(plain, parts), max_size=3).map(tuple),
    st.dictionaries(texts, plain, max_size=2),
)


def like(old):
    """Values of the same type, most of which can be declared and few of which make sense."""
    if isinstance(old, bool):
        return st.booleans()
    if isinstance(old, int):
        return st.integers(-1, 12)
    if isinstance(old, float):
        return st.floats(-1, 1e9)
    if isinstance(old, str):
        return names
    if isinstance(old, tuple) and old:
        return st.lists(st.sampled_from(old), max_size=len(old) + 1).map(tuple)
    return parts


def leaves(part, path=()):
    """The path of each field of a declared object and of those in it."""
    for field in fields(part):
        value = getattr(part, field.name)
        yield (*path, field.name)
        inner = value if isinstance(value, tuple) else (value,)
        for number, each in enumerate(inner):
            step = (field.name, number) if isinstance(value, tuple) else (field.name,)
            if is_dataclass(each):
                yield from leaves(each, (*path, *step))
            elif isinstance(value, tuple):
                yield (*path, *step)


def at(part, path):
    """What is at a path."""
    for step in path:
        part = part[step] if isinstance(step, int) else getattr(part, step)
    return part


def with_value(part, path, value):
    """A declared object with another value at a path."""
    if not path:
        return value
    step, *rest = path
    if isinstance(step, int):
        return (*part[:step], with_value(part[step], rest, value), *part[step + 1 :])
    return replace(part, **{step: with_value(getattr(part, step), rest, value)})


def wrong(pipeline, most=3):
    """Declarations in which up to so many values are replaced by others."""
    paths = sorted(leaves(pipeline), key=str)

    @st.composite
    def changed(draw):
        found = pipeline
        for path in draw(st.lists(st.sampled_from(paths), min_size=1, max_size=most)):
            try:
                odd = like(at(found, path)) if draw(st.booleans()) else values
                found = with_value(found, path, draw(odd))
            except (TypeError, IndexError, AttributeError, KeyError):
                continue  # an earlier change has removed what this one is in
        return found

    return changed()
