"""Mistakes in what names a row and in what rows belong to: row ids and entities.

Why: a key that cannot be compared exactly, or is not in a table, is refused before a row is read.
Promise: every mistake is listed, with its table and column and what to write instead.
Not here: whether a table's rows have unique ids (``pipelines/shared/expectations/rules.py``).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeGuard

from pipelines.core.declared import nearest
from pipelines.spec.pipeline import Entity, Pipeline
from pipelines.spec.tables import ROW_KEY, Table

ENTITY_TYPES = ("integer", "flag", "text")
# Columns of stored tables, histories and quarantines that a composite entity's would be mistaken for.
RESERVED = frozenset(
    f"{ROW_KEY} _row _rule _expectation _value _partition _run "
    f"_entity _check _time_s _position _row_id _known_day _until_day".split()
)


def row_id_problems(table: Table) -> Iterator[str]:
    """Row ids of unknown columns, of numbers, or of no or repeated columns; days out of range."""
    yield from _row_id(table)
    days = table.unique_days
    if days is not None and days < 1:
        yield (
            f"table {table.name}: unique_days must be an integer from 1, or None for "
            f"all days; got {days!r}."
        )


def _row_id(table: Table) -> Iterator[str]:
    where = f"table {table.name}: row_id"
    row_id: str | tuple[str, ...] | None = table.row_id
    if row_id is None:
        return  # missing, which is reported
    columns = (row_id,) if isinstance(row_id, str) else row_id
    yield from _named(where, columns, table.column_names())
    for column in table.columns:
        if _are_names(columns) and column.name in columns and column.type == "number":
            yield (
                f"{where} {column.name!r} is a number, and a float is exact to 16 digits only. "
                f"Declare it as integer or text."
            )


def entity_problems(pipeline: Pipeline) -> Iterator[str]:
    """Entities without columns, or with columns of a type that names nothing, in any table."""
    for entity in pipeline.entities:
        if not _are_names(entity.columns()):
            yield from _named(f"entity {entity.name}: column", entity.column, ())
            continue
        yield from _name(entity)
        for table in pipeline.tables:
            yield from _entity_columns(
                entity, table, is_examples=table.name == pipeline.examples
            )
        yield from _same_types(entity, pipeline.tables)


def _same_types(entity: Entity, tables: Iterable[Table]) -> Iterator[str]:
    """A key that is a text in one table and a number in another never matches."""
    for name in entity.columns():
        kinds = {t.column(name).type: t.name for t in tables if name in t.column_names()}
        if "text" in kinds and len(kinds) > 1:
            other = next(kinds[kind] for kind in kinds if kind != "text")
            yield (
                f"entity {entity.name}: column {name!r} is a text in table {kinds['text']} and not in "
                f"{other}. Declare one type."
            )


def _name(entity: Entity) -> Iterator[str]:
    if entity.key not in entity.columns() and entity.key in RESERVED:
        yield (
            f"entity name {entity.name!r} of several columns: its column {entity.key!r} would be "
            f"mistaken for one of Millrace's. Rename the entity."
        )


def _entity_columns(entity: Entity, table: Table, *, is_examples: bool) -> Iterator[str]:
    """The examples have every entity; of another table each column it has must be of a good type."""
    columns, known = entity.columns(), table.column_names()
    if is_examples:
        yield from _named(f"entity {entity.name}: column", columns, known)
    for name in columns:
        kind = table.column(name).type if name in known else ENTITY_TYPES[0]
        if kind not in ENTITY_TYPES and set(columns) <= set(known):
            yield (
                f"entity {entity.name}: column {name!r} of table {table.name} is of type {kind!r}. "
                f"Use an integer or a text column."
            )


def _named(where: str, columns: object, known: Iterable[str]) -> Iterator[str]:
    """What is wrong with the names of some columns of a table."""
    if columns is None:
        return  # missing, which is reported
    if not _are_names(columns):
        yield f"{where} must be the name of a column, or a tuple of names; got {columns!r}."
        return
    known = list(known)
    for name, times in Counter(columns).items():
        if name not in known:
            yield f"{where} {name!r} is not declared. {nearest(name, known)}"
        if times > 1:
            yield f"{where} {name!r} is named twice. Name each column once."


def _are_names(columns: object) -> TypeGuard[tuple[str, ...]]:
    return (
        isinstance(columns, tuple)
        and columns != ()
        and all(isinstance(n, str) for n in columns)
    )
