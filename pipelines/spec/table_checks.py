"""Mistakes in declared tables, their columns and the entities that their rows belong to.

Why: ids, times and entities that cannot be what they are declared to be would cost a run.
Promise: every mistake is listed, with its location and what to write instead.
Not here: sources (``source_checks.py``), features (``feature_checks.py``), the label
    (``label_checks.py``), gates (``gate_checks.py``).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pipelines.core.declared import nearest, unknown
from pipelines.core.partitions import GRAINS
from pipelines.spec.column_checks import column_problems
from pipelines.spec.pipeline import Entity, Pipeline
from pipelines.spec.source_checks import source_problems
from pipelines.spec.tables import Table

# Names are parts of file names, together with others.
LONGEST = 100
NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}")
KEY_TYPES = ("integer", "flag", "text")


def name_problems(pipeline: Pipeline) -> Iterator[str]:
    """Names that are malformed, or given twice."""
    yield from _names("pipeline", [pipeline])
    yield from _names("table", pipeline.tables)
    yield from _names("entity", pipeline.entities)
    for table in pipeline.tables:
        yield from _names("column", table.columns, f"table {table.name}: ")


def table_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes of each table."""
    for table in pipeline.tables:
        yield from _grain(table)
        yield from _row_id(table)
        yield from _time(table, "event_time", table.event_time)
        yield from _time(table, "known_time", table.known_time)
        yield from source_problems(table)
        yield from column_problems(table)
        if table.name == pipeline.examples:
            yield from _examples(table)


def entity_problems(pipeline: Pipeline) -> Iterator[str]:
    """Entities whose columns are in no table, or cannot identify anything."""
    for entity in pipeline.entities:
        columns = entity.columns()
        if not columns:
            yield f"entity {entity.name}: no column identifies it. Name one, or several."
        having = [t for t in pipeline.tables if {*columns} <= {*t.column_names()}]
        if not having:
            yield from _in_no_table(pipeline, entity)
        for table in having:
            yield from _key_columns(f"entity {entity.name}: column", columns, table)
        yield from _same_types(entity, having)


def _in_no_table(pipeline: Pipeline, entity: Entity) -> Iterator[str]:
    columns = entity.columns()
    every = {name for table in pipeline.tables for name in table.column_names()}
    for column in columns:
        yield from unknown(f"entity {entity.name}: column", column, every)
    if {*columns} <= every:
        yield f"entity {entity.name}: no table has all of its columns {columns!r}."


def _names(what: str, things: Iterable[Any], where: str = "") -> Iterator[str]:
    names = [thing.name for thing in things]
    for name in dict.fromkeys(names):
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            yield (
                f"{where}{what} name {name!r} must be lower-case letters, digits and _, starting "
                f"with a letter, at most {LONGEST} of them (names that start with _ are reserved "
                f"for Millrace)."
            )
        if names.count(name) > 1:
            yield f"{where}{what} {name!r} is declared twice."


def _grain(table: Table) -> Iterator[str]:
    if table.grain not in GRAINS:
        yield f"table {table.name}: grain {table.grain!r}. {nearest(table.grain, GRAINS)}"


def _examples(table: Table) -> Iterator[str]:
    """What rows that are scored need."""
    if table.event_time is None:
        yield (
            f"table {table.name}: the rows of a static table are of no day and cannot be the "
            f"examples. Declare event_time, or other examples."
        )
    if table.validation is not None:
        yield (
            f"table {table.name}: the gate of the examples' table is the pipeline's. Move "
            f"validation there."
        )


def _row_id(table: Table) -> Iterator[str]:
    columns = (table.row_id,) if isinstance(table.row_id, str) else table.row_id or ()
    if table.row_id == ():
        yield f"table {table.name}: row_id names no column. Name one, or several."
    for name in columns:
        yield from unknown(f"table {table.name}: row_id", name, table.column_names())
        if columns.count(name) > 1:
            yield f"table {table.name}: row_id {name!r} is named twice."
    yield from _key_columns(f"table {table.name}: row_id", columns, table)
    yield from _not_nullable(table, "row_id", columns)
    days = table.unique_days
    if days is not None and days < 1:
        yield (
            f"table {table.name}: unique_days must be 1 or more, or None for all days; got "
            f"{days!r}."
        )


def _key_columns(where: str, columns: Iterable[str], table: Table) -> Iterator[str]:
    """Columns whose values cannot identify anything."""
    for column in table.columns:
        if column.name in columns and column.type == "number":
            yield (
                f"{where} {column.name!r} is a number, and a float is exact to 16 digits only. "
                f"Declare it as integer or text."
            )
        elif column.name in columns and column.type not in KEY_TYPES:
            yield (
                f"{where} {column.name!r} is of type {column.type!r}. Use an integer or a text."
            )


def _time(table: Table, what: str, name: str | None) -> Iterator[str]:
    names = table.column_names()
    yield from unknown(f"table {table.name}: {what}", name, names)
    if name in names and table.column(str(name)).type != "timestamp":
        yield f"table {table.name}: {what} {name!r} must be a timestamp."
    yield from _not_nullable(table, what, (name,))


def _not_nullable(table: Table, what: str, columns: Iterable[str | None]) -> Iterator[str]:
    for column in table.columns:
        if column.name in columns and column.nullable:
            yield (
                f"table {table.name}: {what} {column.name!r} is nullable, and a row without it "
                f"cannot be used. Omit nullable: rows without it are quarantined."
            )


def _same_types(entity: Entity, tables: list[Table]) -> Iterator[str]:
    """A key that is a text in one table and a number in another never matches."""
    for column in entity.columns():
        texts = [t.name for t in tables if t.column(column).type == "text"]
        others = [t.name for t in tables if t.name not in texts]
        if texts and others:
            yield (
                f"entity {entity.name}: column {column!r} is a text in {texts[0]} and not in "
                f"{others[0]}. Declare one type."
            )
