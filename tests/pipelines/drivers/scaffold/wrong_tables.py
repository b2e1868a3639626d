"""Wrong tables: days of good rows, of which any column is replaced, spoilt or left out."""

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from pipelines.core.days import days_between
from pipelines.core.errors import PipelineError
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.protocol import Work, perform, stage_named
from pipelines.spec import (
    Categorical,
    Column,
    Entity,
    Evaluation,
    Fill,
    Hour,
    Label,
    Log,
    Model,
    Numeric,
    Pipeline,
    QuantileBuckets,
    Schedule,
    Split,
    Standardise,
    Table,
    Trailing,
    Training,
    Validation,
    require_valid,
)

FIRST, LAST, AS_OF, ROWS = "2026-01-01", "2026-01-03", "2026-01-04", 48
DAYS = tuple(days_between(FIRST, LAST))
EPOCH, YEAR = datetime.datetime.fromisoformat("1970-01-01"), datetime.timedelta(days=365)
ORDERS = Table(
    name="orders",
    columns=(
        Column("order_id", "integer"),
        Column("at", "timestamp"),
        Column("shop", "text", sensitive=False),
        Column("till", "integer", nullable=True),
        Column("price", "number", decimals=2),
        Column("weight", "number", nullable=True),
        Column("late", "flag"),
    ),
    row_id="order_id",
    event_time="at",
)
LENIENT = Validation(max_quarantined_share=0.9)
PIPELINE = require_valid(
    Pipeline(
        name="orders",
        title="Orders that come late",
        tables=(ORDERS,),
        examples="orders",
        entities=(Entity("shop", "shop"), Entity("till", "till")),
        label=Label("late", known_after_days=0),
        features=(
            Numeric("price") >> Fill("median", flag=True) >> Log() >> Standardise(),
            Numeric("weight") >> QuantileBuckets(4),
            Categorical("shop"),
            Hour("at"),
            Trailing("shop", ("count", "mean", "max", "distinct"), (1, 2), column="price"),
            Trailing("till", ("sum", "last"), (1,), column="weight"),
        ),
        split=Split(train_days=2, gap_days=0, test_days=1),
        evaluation=Evaluation(alert_entity="shop", bootstrap_samples=5),
        schedule=Schedule(start=FIRST),
        model=Model(hidden=(4,)),
        training=Training(epochs=1, global_batch_rows=32, min_rows=1),
        validation=LENIENT,
    )
)


def good_rows(day: str) -> pa.Table:
    """A day of rows as they are declared."""
    draw = np.random.default_rng([3, DAYS.index(day)])
    start = np.datetime64(day, "us")
    return pa.table(
        {
            "order_id": DAYS.index(day) * 1000 + np.arange(ROWS),
            "at": pa.array(start + np.arange(ROWS) * np.timedelta64(1500, "s")),
            "shop": [f"s{n % 4}" for n in range(ROWS)],
            "till": draw.integers(0, 9, ROWS),
            "price": draw.integers(1, 9999, ROWS) / 100,
            "weight": draw.normal(5, 1, ROWS),
            "late": draw.integers(0, 2, ROWS),
        }
    )


def alike(table: pa.Table) -> pa.Table:
    """The same rows, all with the values of the first but for their ids and times."""
    first = {name: [table[name][0].as_py()] * len(table) for name in table.column_names[2:]}
    return pa.table({name: table[name] for name in table.column_names[:2]} | first)


def any_values(kind):
    """Values of a type that Arrow has, with all that is odd in it."""
    return {
        "numbers": st.floats(),
        "large": st.sampled_from([1e300, -1e300, 2.0**62, 2.0**63, 1e15, 5e-324]),
        "wholes": st.integers(-(2**63), 2**63 - 1),
        "few": st.integers(0, 2),
        "texts": st.one_of(
            st.text(max_size=4),
            st.sampled_from(["?", "NA", "1", "2026-01-01", "x" * 5000, "\x00"]),
        ),
        "flags": st.booleans(),
        "times": st.datetimes(EPOCH - 290 * YEAR, EPOCH + 290 * YEAR),
        "days": st.dates(),
        "bytes": st.binary(max_size=3),
        "decimals": st.integers(-100_000, 100_000).map(lambda n: decimal.Decimal(n) / 100),
        "lists": st.lists(st.integers(0, 3), max_size=2),
    }[kind]


KINDS = (
    *("numbers", "large", "wholes", "few", "texts", "flags", "times", "days", "bytes"),
    *("decimals", "lists"),
)


@st.composite
def spoilt(draw, table):
    """A table with some columns replaced, spoilt, repeated or left out."""
    for name in draw(st.lists(st.sampled_from(table.column_names), max_size=2, unique=True)):
        table = draw(_spoilt_column(table, name))
    rows = draw(st.sampled_from(["all", "all", "all", "none", "one", "twice", "null"]))
    if rows == "none":
        return table.slice(0, 0)
    if rows == "one":
        return table.slice(0, 1)
    if rows == "twice":
        return pa.concat_tables([table, table])
    return table


@st.composite
def _spoilt_column(draw, table, name):
    index, values = table.column_names.index(name), table[name].to_pylist()
    how = draw(
        st.sampled_from(["drop", "rename", "nulls", "null", "constant", "values", "some"])
    )
    if how == "drop":
        return table.remove_column(index)
    if how == "rename":
        return table.rename_columns([n if n != name else n.upper() for n in table.column_names])
    if how == "constant":
        return table.set_column(index, name, pa.array([values[0]] * len(values)))
    if how == "null":
        return table.set_column(index, name, pa.nulls(len(values)))
    if how == "nulls":
        mask = draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
        some = [None if hide else value for value, hide in zip(values, mask, strict=True)]
        return table.set_column(index, name, pa.array(some, table[name].type))
    kind = draw(st.sampled_from(KINDS))
    odd = draw(st.lists(any_values(kind), min_size=1, max_size=6))
    if how == "some":
        try:
            changed = pa.array([*odd, *values[len(odd) :]], table[name].type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return table
        return table.set_column(index, name, changed)
    whole = [odd[n % len(odd)] for n in range(len(values))]
    return table.set_column(index, name, pa.array(whole))


def work_on(stage, root, *, pipeline=PIPELINE, **key):
    """A stage and its work."""
    work = Work(
        pipeline=pipeline,
        store=Store(str(root / "store")),
        report=Reporter(f"{stage} {next(iter(key.values()))}", sink=lambda event: None),
        source=str(root / "source"),
        history_from=FIRST,
        options={"track": False},
        **key,
    )
    return stage_named(stage), work


def write_days(root, tables):
    """The source's files."""
    for day, table in tables.items():
        folder = root / "source" / f"ds={day}"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / "part-0.parquet")


def taken_in(root, day, pipeline=PIPELINE):
    """The error of taking in a day, None where it was; anything but one of ours is raised."""
    for stage in ("ingest", "validate", "featurize"):
        try:
            perform(*work_on(stage, root, pipeline=pipeline, partition=day), reach=False)
        except PipelineError as error:
            return error
    return None
