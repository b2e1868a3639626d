"""Relative times: numbers of days, hours, minutes or seconds since a declared origin.

Why: many tables name no date, but the days since something: an admission, an enrolment, 1900.
Promise: what an origin names is found, and checked, when it is declared; imports nothing heavy.
Not here: computing the instants (``pipelines/stages/ingest/relative_times.py``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.sources import LakeTable
from pipelines.spec.tables import Column, Table

DAYS = "days"
UNITS_US = {DAYS: 86_400_000_000, "hours": 3_600_000_000, "minutes": 60_000_000}
UNITS_US |= {"seconds": 1_000_000}
"""Microseconds of each unit that relative times may be in."""
_DAY = re.compile(r"[0-9].*")
_FORMS = (
    "a day ('1900-01-01'), a timestamp column of the same table ('admitted'), or one of a static "
    "table ('patients.entered')"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a relative time counts from: one of a day, a column, or a column of a static table.

    Attributes:
        day: The day, from its first moment.
        column: The timestamp column.
        table: The static table that has the column; empty for the same table.
        keys: Columns that both tables have and that identify a row of the static one.
    """

    day: date | None = None
    column: str = ""
    table: str = ""
    keys: tuple[str, ...] = ()


def is_relative(column: Column) -> bool:
    """Whether a column's times are numbers since an origin."""
    return column.time_format in UNITS_US


def origin_of(pipeline: Pipeline, column: Column) -> Origin:
    """What the times of a column of the pipeline's table count from; the column is valid."""
    if _DAY.fullmatch(column.origin):
        return Origin(day=date.fromisoformat(column.origin))
    table, dot, name = column.origin.partition(".")
    if not dot:
        return Origin(column=table)
    return Origin(column=name, table=table, keys=_keys(pipeline, pipeline.table, table))


def origins_of(pipeline: Pipeline) -> dict[str, Origin]:
    """The origin of each relative time of the pipeline's table, by column."""
    relative = (column for column in pipeline.table.columns if is_relative(column))
    return {column.name: origin_of(pipeline, column) for column in relative}


def origin_problems(pipeline: Pipeline, table: Table) -> Iterator[str]:
    """The mistakes in a table's relative times, one sentence each."""
    for column in table.columns:
        where = f"table {table.name}: column {column.name}: "
        if is_relative(column) and column.name == table.event_time and _is_lake(table):
            yield (
                f"{where}a lake is asked for the rows of a partition by their event_time, which must be a "
                f"time there. Store the instants, or declare files or a query."
            )
        yield from (f"{where}{problem}" for problem in _problems(pipeline, table, column))


def _is_lake(table: Table) -> bool:
    return isinstance(table.source, LakeTable)


def _problems(pipeline: Pipeline, table: Table, column: Column) -> Iterator[str]:
    if not is_relative(column):
        if column.origin:
            units = ", ".join(map(repr, UNITS_US))
            yield (
                f"origin {column.origin!r} is for relative times; time_format is "
                f"{column.time_format!r}. Declare time_format as one of {units}, or omit origin."
            )
        return
    if column.type != "timestamp":
        yield (
            f"time_format {column.time_format!r} makes times, and the type is {column.type!r}. "
            f"Use type 'timestamp', or omit time_format and origin for plain numbers."
        )
    if not isinstance(column.origin, str) or not column.origin:
        yield f"time_format {column.time_format!r} needs an origin: {_FORMS}."
    elif _DAY.fullmatch(column.origin):
        yield from _day_problems(column.origin)
    elif "." in column.origin:
        yield from _table_problems(pipeline, table, column.origin)
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
    while is_relative(at) and at.origin in others:
        if at.origin in seen:
            yield f"origins go round in a circle: {' from '.join([*seen, at.origin])}."
            return
        seen.append(at.origin)
        at = table.column(at.origin)


def _table_problems(pipeline: Pipeline, table: Table, origin: str) -> Iterator[str]:
    of, _, name = origin.partition(".")
    tables = {each.name: each for each in pipeline.tables}
    what = f"origin {origin!r}"
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
        keys = _keys(pipeline, table, of.name)
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


def _keys(pipeline: Pipeline, table: Table, of: str) -> tuple[str, ...]:
    """The columns by which rows of a table find theirs of a static one.

    Raises:
        ConfigError: No entity identifies the rows of the static table.
    """
    static = next(each for each in pipeline.tables if each.name == of)
    row_id = (static.row_id,) if isinstance(static.row_id, str) else static.row_id
    for entity in pipeline.entities:
        columns = entity.columns()
        if set(columns) == set(row_id) and set(columns) <= set(table.column_names()):
            return columns
    raise ConfigError(f"no entity of {table.name!r} identifies the rows of {of!r}.")


def _not_a_time(table: Table, name: str, what: str) -> Iterator[str]:
    kind = table.column(name).type
    if kind != "timestamp":
        yield f"{what}: {name!r} is of type {kind!r}. An origin is a timestamp."
