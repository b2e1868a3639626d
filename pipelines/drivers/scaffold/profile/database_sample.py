"""Read a bounded sample of a query of a database, and find how to ask for one partition.

Promise: the database is only read, in one snapshot; no password is written anywhere.
Not here: the types of the columns (``columns.py``).
"""

import re

import pyarrow as pa
import sqlalchemy as sa

from pipelines.core.errors import ConfigError
from pipelines.drivers.scaffold.profile.columns import ReadingGuess
from pipelines.drivers.scaffold.profile.sample import Sample
from pipelines.shared.databases.database_errors import in_its_own_words
from pipelines.shared.databases.database_url import url_of_text
from pipelines.spec.statements import as_subquery, parameters, statement_problems
from pipelines.stages.ingest.sources.database import viewed
from pipelines.stages.ingest.sources.row_blocks import arrow_block

MOST_ROWS = 50_000
PLAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?")


def statement_of(table: str | None, query: str | None) -> str:
    """The statement that was asked for.

    Raises:
        ConfigError: Neither or both were given, or it is no single SELECT of all time.
    """
    if (table is None) == (query is None):
        raise ConfigError(
            "--from names a database. Say which rows are meant: --table NAME, or --query 'SELECT ...'."
        )
    if table is not None:
        return f"SELECT * FROM {_quoted(table)}"  # noqa: S608  the name is quoted
    sql = str(query).strip().rstrip(";")
    problems = list(statement_problems(sql, "--query"))
    if problems:
        raise ConfigError(problems[0])
    if parameters(sql):
        raise ConfigError(
            "--query has :start or :end. Give the statement without them: the declaration bounds it "
            "by the event time that is found."
        )
    return sql


def read_database_sample(uri: str, sql: str) -> Sample:
    """The first rows of a statement, and how many there are.

    Raises:
        PipelineError: The database does not answer or refuses; the statement has no rows.
    """
    with in_its_own_words("--from"), viewed(url_of_text(uri), "UTC") as view:
        inner = f"FROM (\n{as_subquery(sql)}\n) millrace_rows"
        total = int(view.connection.execute(sa.text(f"SELECT count(*) {inner}")).scalar_one())
        found = view.connection.execute(sa.text(f"SELECT * {inner} LIMIT {MOST_ROWS}"))
        names, rows = list(found.keys()), [tuple(row) for row in found]
    if not rows or len(names) < 2:  # noqa: PLR2004  a row has an id and a time at least
        raise ConfigError(
            f"--from: the statement returns {len(rows)} rows of {len(names)} columns. Expected rows with "
            f"at least an id, a time and a label."
        )
    table = arrow_block(rows, names, "--from", 0)
    return Sample(table, total, len(rows) == total, how=ReadingGuess(iso_texts=True))


def extremes(uri: str, sql: str, column: str) -> pa.Array:
    """The smallest and the largest value of a column over all rows."""
    name = '"' + column.replace('"', '""') + '"'
    inner = f"FROM (\n{as_subquery(sql)}\n) millrace_rows"
    with in_its_own_words("--from"), viewed(url_of_text(uri), "UTC") as view:
        ends = view.connection.execute(
            sa.text(f"SELECT min({name}), max({name}) {inner}")
        ).one()
    return arrow_block([(end,) for end in ends], [column], "--from", 0).column(0)


def bounded(sql: str, column: str) -> str:
    """The statement for one partition."""
    table = re.fullmatch(r"SELECT \* FROM (\S+)", sql)
    source = table.group(1) if table else f"({sql}) found"
    time = _quoted(column)
    return f"SELECT * FROM {source} WHERE {time} >= :start AND {time} < :end"  # noqa: S608


def _quoted(name: str) -> str:
    if PLAIN.fullmatch(name) and name == name.lower():
        return name
    return '"' + name.replace('"', '""') + '"'
