"""Mistakes in declared windows and sequences over an entity's rows.

Why: a value that a history does not hold, or that is not known yet, would cost a run or give the
    label away.
Not here: other features (``features.py``).
"""

from collections.abc import Iterable, Iterator

from pipelines.core.declared import nearest, unknown
from pipelines.operators import Sequence, Trailing, Visits
from pipelines.operators.aggregates import AGGREGATES, reads_column
from pipelines.spec.checks.columns import MEASURED, fits
from pipelines.spec.learning import Label
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.tables import Column

MOST_STEPS = 10_000


def trailing_mistakes(pipeline: Pipeline, feature: Trailing) -> Iterator[str]:
    """The mistakes of a window."""
    where = f"Trailing({feature.entity})"
    yield from _entity(pipeline, where, feature.entity)
    yield from _aggregates(where, feature)
    if feature.column is not None:
        known = [AGGREGATES[name] for name in feature.aggregates if name in AGGREGATES]
        numbers = not all(aggregate.of_any_type for aggregate in known)
        yield from _column(pipeline, where, feature.entity, feature.column, numbers=numbers)
    if feature.where is not None:
        yield from _where(pipeline, where, feature)
    read = (feature.column, feature.where[0] if feature.where else None)
    yield from _known_too_soon(pipeline, where, read, feature.delay_days)


def _aggregates(where: str, feature: Trailing) -> Iterator[str]:
    if not feature.aggregates:
        yield f"{where}: has no aggregates. {nearest('', AGGREGATES)}"
    for aggregate in feature.aggregates:
        if aggregate not in AGGREGATES:
            yield f"{where}: aggregate {aggregate!r}. {nearest(aggregate, AGGREGATES)}"
    needing = sorted({name for name in feature.aggregates if reads_column(name)})
    if needing and feature.column is None:
        yield f"{where}: {needing} need a column."


def sequence_mistakes(pipeline: Pipeline, feature: Sequence) -> Iterator[str]:
    """The mistakes of a sequence."""
    where = f"Sequence({feature.entity})"
    yield from _entity(pipeline, where, feature.entity)
    yield from _too_many_steps(where, feature.steps)
    for column in feature.columns:
        yield from _column(pipeline, where, feature.entity, column, numbers=True)
    yield from _known_too_soon(pipeline, where, feature.columns, feature.delay_days)


def visits_mistakes(pipeline: Pipeline, feature: Visits) -> Iterator[str]:
    """The mistakes of a sequence of visits."""
    where = f"Visits({feature.entity})"
    yield from _entity(pipeline, where, feature.entity)
    yield from _too_many_steps(where, feature.steps)
    if feature.column is not None:
        yield from _column(pipeline, where, feature.entity, feature.column, numbers=True)
    yield from _column(pipeline, where, feature.entity, feature.code, numbers=False)
    for column in pipeline.table.columns:
        if column.name == feature.code and column.type != "timestamp":
            for value in (*feature.codes, *feature.events):
                yield from _value(f"{where}: code", column, value)
    read = (feature.column, feature.code)
    yield from _known_too_soon(pipeline, where, read, feature.delay_days)


def _too_many_steps(where: str, steps: int) -> Iterator[str]:
    if steps > MOST_STEPS:
        yield f"{where}: steps must be {MOST_STEPS:,} or fewer; got {steps!r}."


def _entity(pipeline: Pipeline, where: str, name: str) -> Iterator[str]:
    yield from unknown(f"{where}: entity", name, (e.name for e in pipeline.entities))
    for entity in pipeline.entities:
        columns = {*pipeline.table.column_names()}
        if entity.name == name and not {*entity.columns()} <= columns:
            yield f"{where}: table {pipeline.examples} does not have the entity's columns."


def _column(
    pipeline: Pipeline, where: str, entity: str, name: str, *, numbers: bool
) -> Iterator[str]:
    """The mistakes of a column whose values are read from an entity's history."""
    table = pipeline.table
    yield from unknown(f"{where}: column", name, table.column_names())
    keys = {each.key for each in pipeline.entities if each.name == entity}
    if name in {table.id_column, *keys}:
        yield f"{where}: column {name!r} names the row or the entity, so it is not in its history."
    for column in table.columns:
        if column.name != name:
            continue
        if column.type == "timestamp":
            yield f"{where}: column {name!r} is a timestamp, and a history has none."
        elif numbers and column.type not in MEASURED:
            yield (
                f"{where}: column {name!r} is of type {column.type!r}. Use {', '.join(MEASURED)}."
            )


def _where(pipeline: Pipeline, where: str, feature: Trailing) -> Iterator[str]:
    name, values = feature.where[0] if feature.where else "", feature.wanted()
    yield from _column(pipeline, where, feature.entity, name, numbers=False)
    if not values:
        yield f"{where}: where has no values of column {name!r}. Name one, or leave where out."
    for column in pipeline.table.columns:
        if column.name == name and column.type != "timestamp":
            for value in values:
                yield from _value(f"{where}: where", column, value)
    for value in sorted({repr(v) for v in values if values.count(v) > 1}):
        yield f"{where}: where has the value {value} twice. Leave one out."


def _value(where: str, column: Column, value: object) -> Iterator[str]:
    """The mistakes of a value that rows are selected by."""
    if not fits(column, value):
        wanted = "a text" if column.type == "text" else "a number"
        yield (
            f"{where} value {value!r} must be {wanted} that column {column.name!r} can have; "
            f"it is of type {column.type!r}."
        )
    elif column.values and value not in column.values:
        yield (
            f"{where} value {value!r} is not one of the values of column {column.name!r}. "
            f"{nearest(value, map(str, column.values))}"
        )


def _known_too_soon(
    pipeline: Pipeline, where: str, read: Iterable[str | None], delay_days: int
) -> Iterator[str]:
    if not isinstance(pipeline.label, Label):
        return
    known, label = pipeline.label.known_after_days, pipeline.label.column
    if label in read and delay_days < known:
        yield (
            f"{where}: reads the label {label!r} with delay_days={delay_days}, before it is "
            f"known. Use delay_days={known} or more."
        )
