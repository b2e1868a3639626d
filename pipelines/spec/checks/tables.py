"""Mistakes in declared tables: their names and times.

Why: a time that is none, or a name that is given twice, would cost a run.
Promise: every mistake is listed, with its location and what to write instead.
Not here: columns (``columns.py``), row ids and entities (``keys.py``), sources
    (``sources.py``), features (``features.py``), the label
    (``labels.py``), gates (``gates.py``).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pipelines.core.days import parse_day
from pipelines.core.declared import nearest, unknown
from pipelines.core.errors import ConfigError
from pipelines.core.partitions import GRAINS
from pipelines.spec.checks.columns import column_problems
from pipelines.spec.checks.keys import row_id_problems
from pipelines.spec.checks.sources import source_problems
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.tables import Table

# Names are parts of file names, together with others.
LONGEST = 100
NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}")


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
        yield from row_id_problems(table)
        row_id = (table.row_id,) if isinstance(table.row_id, str) else table.row_id or ()
        yield from _not_nullable(table, "row_id", row_id)
        yield from _time(table, "event_time", table.event_time)
        yield from _not_nullable(table, "event_time", (table.event_time,))
        # A row without a known time was known on the day of its event.
        yield from _time(table, "known_time", table.known_time)
        yield from _known_time(table)
        yield from source_problems(table)
        yield from column_problems(table)
        yield from _start(table)
        if table.name == pipeline.examples:
            yield from _examples(table)


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


def _start(table: Table) -> Iterator[str]:
    try:
        parse_day(table.start or "2000-01-01", f"table {table.name}: start")
    except ConfigError as error:
        yield str(error)


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


def _time(table: Table, what: str, name: str | None) -> Iterator[str]:
    names = table.column_names()
    yield from unknown(f"table {table.name}: {what}", name, names)
    if name in names and table.column(str(name)).type != "timestamp":
        yield f"table {table.name}: {what} {name!r} must be a timestamp."


def _known_time(table: Table) -> Iterator[str]:
    if table.known_time is not None and table.event_time is None:
        yield (
            f"table {table.name}: known_time {table.known_time!r} without event_time. A static table is "
            f"read as it is when features are made: leave known_time out, or declare event_time."
        )


def _not_nullable(table: Table, what: str, columns: Iterable[str | None]) -> Iterator[str]:
    for column in table.columns:
        if column.name in columns and column.nullable:
            yield (
                f"table {table.name}: {what} {column.name!r} is nullable, and a row without it "
                f"cannot be used. Omit nullable: rows without it are quarantined."
            )
