"""Mistakes in features over other tables than the examples' own.

Why: a misspelt table, or an entity that the table does not have, would cost a run.
Not here: what such a window reads of its table, which is as for the examples' own (``pipelines/spec/checks/``).
"""

from collections.abc import Iterator
from dataclasses import replace

from pipelines.core.declared import nearest
from pipelines.operators import Categorical, Numeric, Since, Trailing
from pipelines.operators.events import EventSource
from pipelines.operators.operator import FeatureSource
from pipelines.spec.learning import Label
from pipelines.spec.pipeline import Entity, Pipeline
from pipelines.spec.tables import Table

ATTRIBUTE_TYPES = {
    Numeric: ("integer", "number", "flag"),
    Categorical: ("text", "integer", "flag"),
    Since: ("timestamp",),
}


def over_table(pipeline: Pipeline, source: FeatureSource) -> Pipeline:
    """The pipeline with the table that a source is over as its examples, for checks of columns."""
    name = getattr(source, "table", None)
    return pipeline if name is None else replace(pipeline, examples=name)


def other_table_problems(pipeline: Pipeline, source: FeatureSource) -> Iterator[str]:
    """Mistakes in a source's table and entity; none for sources over the examples' own."""
    name, entity = getattr(source, "table", None), getattr(source, "entity", None)
    if name is None or entity is None:
        return
    where = f"{type(source).__name__}({entity}, table={name!r})"
    table = next((t for t in pipeline.tables if t.name == name), None)
    if table is None:
        yield f"{where}: table {name!r} is not declared. {_tables(pipeline, name)}"
    elif name == pipeline.examples:
        yield f"{where}: {name!r} is the examples' own table. Leave table out."
    else:
        yield from _entity(pipeline, where, table, entity)
        if isinstance(source, Trailing | EventSource):
            yield from _window(where, table)
        if isinstance(source, Numeric | Categorical | Since):
            yield from _attribute(pipeline, where, table, source)


def _tables(pipeline: Pipeline, name: str) -> str:
    return nearest(name, (t.name for t in pipeline.tables if t.name != pipeline.examples))


def _entity(pipeline: Pipeline, where: str, table: Table, name: str) -> Iterator[str]:
    entity = _named(pipeline, name)
    if entity is None:
        known = (e.name for e in pipeline.entities)
        yield f"{where}: entity {name!r} is not declared. {nearest(name, known)}"
        return
    own, theirs = _types(_examples(pipeline)), _types(table)
    for column in entity.columns():
        if column not in theirs:
            yield (
                f"{where}: table {table.name} has no column {column!r}, which identifies a "
                f"{name}. Declare it there (source_name= maps another header to it)."
            )
        elif theirs[column] != own.get(column, theirs[column]):
            yield (
                f"{where}: {column!r} is of type {theirs[column]!r} in table {table.name} and of type "
                f"{own[column]!r} in {pipeline.examples}. Declare both with the same type."
            )


def _named(pipeline: Pipeline, entity: str | None) -> Entity | None:
    return next((e for e in pipeline.entities if e.name == entity), None)


def _examples(pipeline: Pipeline) -> Table | None:
    return next((t for t in pipeline.tables if t.name == pipeline.examples), None)


def _types(table: Table | None) -> dict[str, str]:
    return {} if table is None else {column.name: column.type for column in table.columns}


def _window(where: str, table: Table) -> Iterator[str]:
    if table.event_time is None:
        yield (
            f"{where}: table {table.name} is static, and a window needs rows with an event_time. "
            f"Use Numeric(column, entity=..., table=...) or Categorical for its columns."
        )


def _attribute(
    pipeline: Pipeline, where: str, table: Table, source: Numeric | Categorical | Since
) -> Iterator[str]:
    if table.event_time is not None:
        yield (
            f"{where}: table {table.name} has an event_time, so an entity has many rows in it. Use "
            f"Trailing(entity, ('last',), ..., column=..., table={table.name!r}), or a static table."
        )
    else:
        yield from _many_rows(where, table, _named(pipeline, source.entity))
    yield from _attribute_column(where, table, source)
    label = pipeline.label
    if isinstance(label, Label) and source.column == label.column:
        yield f"{where}: {source.column!r} has the label's name; a feature must not contain it."


def _many_rows(where: str, table: Table, entity: Entity | None) -> Iterator[str]:
    row_id = (table.row_id,) if isinstance(table.row_id, str) else table.row_id
    if entity is not None and sorted(entity.columns()) != sorted(row_id):
        yield (
            f"{where}: the row_id of table {table.name} is {', '.join(row_id)}, so an entity may have "
            f"many rows in it. Expected {', '.join(entity.columns())}, of the entity {entity.name}."
        )


def _attribute_column(
    where: str, table: Table, source: Numeric | Categorical | Since
) -> Iterator[str]:
    types = _types(table)
    if source.column not in types:
        yield f"{where}: column {source.column!r} is not declared. {nearest(source.column, types)}"
    elif types[source.column] not in ATTRIBUTE_TYPES[type(source)]:
        yield (
            f"{where}: column {source.column!r} is of type {types[source.column]!r}. "
            f"Use {', '.join(ATTRIBUTE_TYPES[type(source)])}."
        )
