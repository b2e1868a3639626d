"""Relative times: numbers of days, hours, minutes or seconds since a declared origin.

Why: many tables name no date, but the days since something: an admission, an enrolment, 1900.
Promise: imports nothing heavy.
Not here: mistakes in origins (``checks/origins.py``), computing the instants
    (``pipelines/stages/ingest/values/relative_times.py``).
"""

import re
from dataclasses import dataclass
from datetime import date

from pipelines.core.errors import ConfigError
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.tables import Column, Table
from pipelines.spec.time_formats import RELATIVE

DAYS = "days"
DAY = re.compile(r"[0-9].*")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a relative time counts, and from what: a day, a column, or a column of a static table.

    Attributes:
        unit: Days, hours, minutes or seconds.
        day: The day, from its first moment.
        column: The timestamp column.
        table: The static table that has the column; empty for the same table.
        keys: Columns that both tables have and that identify a row of the static one.
    """

    unit: str
    day: date | None = None
    column: str = ""
    table: str = ""
    keys: tuple[str, ...] = ()


def is_relative(column: Column) -> bool:
    """Whether a column's times are numbers since an origin."""
    return column.time_format in RELATIVE


def origin_of(pipeline: Pipeline, column: Column) -> Origin:
    """What the times of a column of the pipeline's table count from; the column is valid."""
    if DAY.fullmatch(column.origin):
        return Origin(column.time_format, day=date.fromisoformat(column.origin))
    table, dot, name = column.origin.partition(".")
    if not dot:
        return Origin(column.time_format, column=table)
    keys = keys_of(pipeline, pipeline.table, table)
    return Origin(column.time_format, column=name, table=table, keys=keys)


def origins_of(pipeline: Pipeline) -> dict[str, Origin]:
    """The origin of each relative time of the pipeline's table, by column."""
    relative = (column for column in pipeline.table.columns if is_relative(column))
    return {column.name: origin_of(pipeline, column) for column in relative}


def behind(pipeline: Pipeline, name: str | None) -> set[str]:
    """A column of the pipeline's table and those that its times are computed from."""
    origins, found, left = origins_of(pipeline), set[str](), [name]
    while left:
        at = left.pop()
        if at is None or at in found:
            continue
        found.add(at)
        if at in origins:
            of = origins[at]
            left += of.keys if of.table else filter(None, (of.column,))
    return found


def keys_of(pipeline: Pipeline, table: Table, of: str) -> tuple[str, ...]:
    """The columns by which rows of a table find theirs of a static one.

    Raises:
        ConfigError: No entity identifies the rows of the static table.
    """
    static = next(each for each in pipeline.tables if each.name == of)
    row_id = (static.row_id,) if isinstance(static.row_id, str) else static.row_id
    for entity in pipeline.entities:
        columns = entity.columns()
        is_known = isinstance(columns, tuple) and set(columns) <= set(table.column_names())
        if is_known and set(columns) == set(row_id or ()):
            return columns
    raise ConfigError(f"no entity of {table.name!r} identifies the rows of {of!r}.")
