"""Profile a query of a database, and guess its declaration.

Not here: the same of files (``profile_table.py``), reading the database (``database_sample.py``).
"""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from pipelines.drivers.scaffold.profile.calendar import CalendarGuess, guess_calendar
from pipelines.drivers.scaffold.profile.code_text import call, literal
from pipelines.drivers.scaffold.profile.columns import ColumnGuess, guess_columns
from pipelines.drivers.scaffold.profile.database_sample import (
    bounded,
    extremes,
    read_database_sample,
    statement_of,
)
from pipelines.drivers.scaffold.profile.declaration_text import TableGuess
from pipelines.drivers.scaffold.profile.profile_table import guess_table, table_name
from pipelines.drivers.scaffold.profile.sample import Sample


def profile_query(uri: str, table: str | None, query: str | None) -> TableGuess:
    """What a query of a database suggests.

    Raises:
        ConfigError: No rows are named, the database refuses, or there are none.
        TransientError: The database does not answer.
    """
    sql = statement_of(table, query)
    sample = read_database_sample(uri, sql)
    name = table_name(Path(table.rpartition(".")[2])) if table else "rows"
    guess = guess_table(name, table or "a query", "", sample)
    event = next((c for c in guess.columns if c.name == guess.roles.event_time), None)
    if event is None:
        return replace(guess, source=_source(sql))
    if not sample.whole and guess.calendar is not None:
        guess = replace(guess, calendar=_calendar(uri, sql, event, sample, guess.calendar))
    # A time in a format of its own is no time to the database, so the query is of all time.
    return replace(
        guess, source=_source(sql if event.time_format else bounded(sql, event.header))
    )


def _source(sql: str) -> str:
    text = call("Query", [f"sql={literal(sql)}"], 4, before="source=")
    return text.strip().removeprefix("source=").removesuffix(",")


def _calendar(
    uri: str, sql: str, event: ColumnGuess, sample: Sample, plain: CalendarGuess
) -> CalendarGuess:
    """The calendar of all rows: those of the sample may be of a few days."""
    ends = pa.table({event.header: extremes(uri, sql, event.header)})
    (column,) = guess_columns(ends, sample.how)
    if column.times is None:
        return plain
    return replace(guess_calendar(column.times, sample.total, ""), has_clock=plain.has_clock)
