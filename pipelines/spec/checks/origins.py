"""Mistakes in relative times: origins that are missing, are no times, or cannot be found for a row.

Why: an origin that is not there would be found only when the table is taken in.
Promise: every mistake is listed, with its table and column and what to write instead.
Not here: what an origin is (``origins.py``), other time formats (``written.py``).
"""

from collections.abc import Iterator
from datetime import date

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.spec.origins import DAY, is_relative, keys_of
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.sources import LakeTable
from pipelines.spec.tables import Column, Table
from pipelines.spec.time_bounds import KINDS
from pipelines.spec.time_formats import RELATIVE

_FORMS = (
    "a day ('1900-01-01'), a timestamp column of the same table ('admitted'), or one of a static "
    "table ('patients.entered')"
)


def origin_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the relative times of each table."""
    for table in pipeline.tables:
        yield from _of_table(pipeline, table)


def _of_table(pipeline: Pipeline, table: Table) -> Iterator[str]:
    for column in table.columns:
        where = f"table {table.name}: column {column.name}: "
        if is_relative(column) and column.name == table.event_time and _is_lake(table):
            yield (
                f"{where}a lake is asked for the rows of a partition by their event_time, which must be a "
                f"time there. Store the instants, or declare files or a query."
            )
        yield from (f"{where}{problem}" for problem in _problems(pipeline, table, column))
        yield from (f"{where}{problem}" for problem in _bound_problems(pipeline, table, column))


def _is_lake(table: Table) -> bool:
    return isinstance(table.source, LakeTable)


def _problems(pipeline: Pipeline, table: Table, column: Column) -> Iterator[str]:
    if not is_relative(column):
        if column.origin:
            units = ", ".join(map(repr, RELATIVE))
            yield (
                f"origin {column.origin!r} is for relative times; time_format is "
                f"{column.time_format!r}. Declare time_format as one of {units}, or omit origin."
            )
        return
    if not isinstance(column.origin, str) or not column.origin:
        yield f"time_format {column.time_format!r} needs an origin: {_FORMS}."
    elif DAY.fullmatch(column.origin):
        yield from _day_problems(column.origin)
    elif "." in column.origin:
        yield from _table_problems(pipeline, table, f"origin {column.origin!r}", column.origin)
    else:
        yield from _column_problems(table, column)


def _day_problems(origin: str) -> Iterator[str]:
    try:
        valid = date.fromisoformat(origin).isoformat() == origin
    except ValueError:
        valid = False
    if not valid:
        yield f"origin {origin!r} is not a day. Write it as in '1900-01-01'."


def _column_problems(table: Table, column: Column) -> Iterator[str]:
    others = [name for name in table.column_names() if name != column.name]
    if column.origin not in others:
        yield f"origin {column.origin!r} is not another column. {nearest(column.origin, others)}"
        return
    yield from _not_a_time(table, column.origin, f"origin {column.origin!r}")
    seen, at = [column.name], column
    while is_relative(at) and at.origin in table.column_names():
        if at.origin in seen:
            yield f"origins go round in a circle: {' from '.join([*seen, at.origin])}."
            return
        seen.append(at.origin)
        at = table.column(at.origin)


def _bound_problems(pipeline: Pipeline, table: Table, column: Column) -> Iterator[str]:
    for kind in KINDS:
        bound = getattr(column, kind)
        if not bound:
            continue
        if column.type != "timestamp":
            yield f"{kind} is for timestamps, and the column is of type {column.type!r}. Omit it."
        elif "." not in bound:
            yield (
                f"{kind} {bound!r} is not TABLE.COLUMN, a timestamp of a static table whose row_id is an "
                f"entity."
            )
        else:
            yield from _table_problems(pipeline, table, f"{kind} {bound!r}", bound)


def _table_problems(pipeline: Pipeline, table: Table, what: str, origin: str) -> Iterator[str]:
    of, _, name = origin.partition(".")
    tables = {each.name: each for each in pipeline.tables}
    if of not in tables:
        yield f"{what}: table {of!r} is not declared. {nearest(of, tables)}"
        return
    if tables[of].event_time is not None:
        yield f"{what}: table {of!r} is not static (its event_time is not None). Name {_FORMS}."
        return
    if table.event_time is None:
        yield f"{what}: a static table cannot have its origin in another. Name a day or its own column."
    if name not in tables[of].column_names():
        yield f"{what}: {name!r} is not a column of it. {nearest(name, tables[of].column_names())}"
    else:
        yield from _not_a_time(tables[of], name, what)
    yield from _key_problems(pipeline, table, tables[of], what)


def _key_problems(pipeline: Pipeline, table: Table, of: Table, what: str) -> Iterator[str]:
    try:
        keys = keys_of(pipeline, table, of.name)
    except ConfigError:
        names = ", ".join(each.name for each in pipeline.entities) or "none"
        yield (
            f"{what}: its rows are found by an entity whose columns {table.name!r} has and which are "
            f"the row_id of {of.name!r} ({of.row_id!r}). No entity is such (declared: {names}). "
            f"Declare it, or correct row_id."
        )
        return
    for key in keys:
        own, theirs = table.column(key).type, of.column(key).type
        if own != theirs:
            yield (
                f"{what}: {key!r} is {own!r} in {table.name!r} and {theirs!r} in {of.name!r}. "
                f"Declare one type."
            )


def _not_a_time(table: Table, name: str, what: str) -> Iterator[str]:
    kind = table.column(name).type
    if kind != "timestamp":
        yield f"{what}: {name!r} is of type {kind!r}. Name a timestamp."
