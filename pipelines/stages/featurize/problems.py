"""What a declaration asks of windows and sequences that cannot be computed.

Why: a column of the wrong type costs a run if a worker finds it, and nothing here.
Not here: names that are not declared (``pipelines/spec/checks.py``).
"""

from collections.abc import Iterator

from pipelines.operators import Categorical, Numeric, Sequence, Trailing
from pipelines.operators.aggregates import AGGREGATES
from pipelines.spec import Label, Pipeline, Table

NUMERIC_TYPES = ("integer", "number", "flag")


def problems_of(pipeline: Pipeline) -> Iterator[str]:
    """Every feature that cannot be computed, one sentence each."""
    table, label = pipeline.table, pipeline.label
    keys = {table.id_column, table.event_time, *(e.key for e in pipeline.entities)}
    keys |= {label.column} if isinstance(label, Label) else set()
    for feature in pipeline.sources():
        for name in feature.names():
            # A key that is a category too is in the table already.
            is_key = isinstance(feature, Categorical) and feature.table is None
            if name in keys and not is_key:
                yield f"feature {name!r} has the name of a key or label column."
        if isinstance(feature, Numeric):
            of = _table(pipeline, feature.table)
            yield from _not_a_number(of, f"Numeric({feature.column!r})", feature.column)
        if isinstance(feature, Trailing):
            yield from _trailing(pipeline, feature)
        if isinstance(feature, Sequence):
            yield from _sequence(pipeline, feature)


def _trailing(pipeline: Pipeline, feature: Trailing) -> Iterator[str]:
    where, table = f"Trailing({feature.entity!r})", _table(pipeline, feature.table)
    if feature.column is not None:
        yield from _no_history(pipeline, table, where, feature.entity, feature.column)
        if not all(AGGREGATES[name].of_any_type for name in feature.aggregates):
            yield from _not_a_number(table, where, feature.column)
    if feature.where is None:
        return
    name, value = feature.where
    yield from _no_history(pipeline, table, where, feature.entity, name)
    if table.column(name).type == "text":
        if not isinstance(value, str):
            yield f"{where}: where value {value!r} must be a text, as column {name!r} is."
    else:
        yield from _not_a_number(table, where, name)
        if not isinstance(value, int | float):
            yield f"{where}: where value {value!r} must be a number."


def _sequence(pipeline: Pipeline, feature: Sequence) -> Iterator[str]:
    where, table = f"Sequence({feature.entity!r})", _table(pipeline, feature.table)
    for name in feature.columns:
        yield from _no_history(pipeline, table, where, feature.entity, name)
        yield from _not_a_number(table, where, name)


def _table(pipeline: Pipeline, name: str | None) -> Table:
    return pipeline.of_table(name or pipeline.examples).table


def _no_history(
    pipeline: Pipeline, table: Table, where: str, entity: str, name: str
) -> Iterator[str]:
    if name in (table.id_column, pipeline.entity(entity).key):
        yield f"{where}: column {name!r} names the row or the entity, so it is not in its history."
    if table.column(name).type == "timestamp":
        yield f"{where}: column {name!r} is a timestamp, and a history carries none."


def _not_a_number(table: Table, where: str, name: str) -> Iterator[str]:
    kind = table.column(name).type
    if kind not in NUMERIC_TYPES:
        yield f"{where}: column {name!r} is of type {kind!r}. Use {', '.join(NUMERIC_TYPES)}."
