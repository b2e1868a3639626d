"""A consistent, read-only view of a SQL database, and the rows of a query in it.

Why: a query that is read while others write must return the rows of one moment, and must not write.
Promise: every statement of a view sees the same snapshot (REPEATABLE READ in PostgreSQL, one read
    transaction in SQLite) and cannot write; rows arrive in blocks, from a cursor on the server, so memory
    does not depend on their number. Rows are ordered by the database: without ORDER BY it may return
    them in another order each time (parallel scans, vacuum), and the same rows would be other bytes.
Not here: the address and errors (``pipelines/shared/databases/``), types (``row_blocks.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pipelines.core.errors import SourceNotReadyError
from pipelines.spec.statements import as_subquery, parameters, without_parameters

POSTGRESQL, SQLITE = "postgresql", "sqlite"
TIMEOUT_S = 30
# Types of PostgreSQL that have a collation: text, varchar, char, name.
COLLATED = frozenset({25, 1043, 1042, 19})
SNAPSHOT_LEVELS = ("REPEATABLE READ", "SNAPSHOT", "SERIALIZABLE")
ROWS = "millrace_rows"

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """One column of a query's result.

    Attributes:
        name: Its name.
        kind: The driver's code for its type, which only some drivers give.
    """

    name: str
    kind: Any = None


@dataclass(frozen=True, slots=True)
class DatabaseView:
    """One snapshot of a database.

    Attributes:
        connection: The connection, in its transaction.
        zone: Time zone of the database's times without an offset.
    """

    connection: sa.Connection
    zone: str

    def columns(self, sql: str, bounds: Mapping[str, datetime]) -> list[ResultColumn]:
        """The columns that a statement returns, without its rows."""
        found = self.connection.execute(
            self._statement(_selected("*", sql, "WHERE 1 = 0"), bounds)
        )
        kinds = [each[1] for each in found.cursor.description]
        names = list(found.keys())
        found.close()
        return [ResultColumn(*each) for each in zip(names, kinds, strict=True)]

    def blocks(
        self,
        sql: str,
        bounds: Mapping[str, datetime],
        columns: Sequence[ResultColumn],
        order: Sequence[ResultColumn],
        rows: int,
    ) -> Iterator[Sequence[Row]]:
        """The rows of a statement in order, so many at a time.

        Args:
            sql: The statement.
            bounds: Values of its parameters.
            columns: The columns to return.
            order: The columns to order by.
            rows: Rows of a block.
        """
        names = ", ".join(self._quoted(each.name) for each in columns)
        by = ", ".join(map(self._ordered, order))
        ordered = _selected(names, sql, f"ORDER BY {by}")
        streamed = {"yield_per": rows}
        with self.connection.execute(
            self._statement(ordered, bounds), execution_options=streamed
        ) as found:
            # Without the number, blocks are of one row.
            yield from found.partitions(rows)

    def has_rows(self, sql: str, bounds: Mapping[str, datetime]) -> bool:
        """Whether a statement returns any row."""
        with self.connection.execute(self._statement(_selected("1", sql), bounds)) as found:
            return found.first() is not None

    def _statement(self, sql: str, bounds: Mapping[str, datetime]) -> sa.TextClause:
        values = (self._bound(name, bounds[name]) for name in sorted(parameters(sql)))
        return sa.text(sql).bindparams(*values)

    def _bound(self, name: str, instant: datetime) -> sa.BindParameter[Any]:
        if self.connection.dialect.name == POSTGRESQL:
            # With its zone: PostgreSQL compares it with times of both kinds, in the session's zone.
            return sa.bindparam(name, instant, sa.DateTime(timezone=True))
        local = instant.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        if self.connection.dialect.name == SQLITE:
            return sa.bindparam(name, as_text(local), sa.String())
        return sa.bindparam(name, local, sa.DateTime())

    def _quoted(self, name: str) -> str:
        quoted = self.connection.dialect.identifier_preparer.quote_identifier(name)
        return without_parameters(quoted)

    def _ordered(self, column: ResultColumn) -> str:
        """A column to order by, in an order that no locale and no version of one changes."""
        name = self._quoted(column.name)
        if self.connection.dialect.name == SQLITE:
            return f"{name} COLLATE BINARY"
        return f'{name} COLLATE "C"' if column.kind in COLLATED else name


@contextmanager
def viewed(url: sa.URL, zone: str) -> Iterator[DatabaseView]:
    """A snapshot of a database, for as long as the context lasts.

    Args:
        url: Its address.
        zone: Time zone of its times without an offset.

    Raises:
        SourceNotReadyError: The file of a SQLite database is not there.
        sqlalchemy.exc.SQLAlchemyError: It does not answer, or refuses.
    """
    is_sqlite = url.get_backend_name() == SQLITE
    engine = _sqlite(url) if is_sqlite else sa.create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            _begin_snapshot(connection, zone)
            yield DatabaseView(connection, zone)
    finally:
        engine.dispose()


def as_text(local: datetime) -> str:
    """A time as SQLite compares it: as text, a day alone at midnight.

    A day alone precedes every time of it, with a space or a ``T`` between day and time.
    """
    whole = local.isoformat(" ")
    return whole.removesuffix(" 00:00:00")


def _selected(what: str, sql: str, rest: str = "") -> str:
    """A declared statement as the subquery of another."""
    return " ".join(("SELECT", what, "FROM (\n", as_subquery(sql), "\n)", ROWS, rest))


def _sqlite(url: sa.URL) -> sa.Engine:
    import sqlite3

    path = Path(url.database or "")
    if not path.is_file():
        raise SourceNotReadyError(
            f"there is no SQLite database {path}. Wait until it is written, or correct the address: "
            f"sqlite:////folder/file.db has four slashes before an absolute path."
        )

    def opened() -> sqlite3.Connection:
        # No transaction but the one that is begun below.
        return sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro",
            uri=True,
            timeout=TIMEOUT_S,
            isolation_level=None,
        )

    return sa.create_engine("sqlite://", creator=opened, poolclass=NullPool)


def _begin_snapshot(connection: sa.Connection, zone: str) -> None:
    name = connection.dialect.name
    if name == SQLITE:
        connection.exec_driver_sql("BEGIN")
    elif name == POSTGRESQL:
        connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        connection.execute(
            sa.text("SELECT set_config('TimeZone', :zone, true)"), {"zone": zone}
        )
    else:
        levels = connection.dialect.get_isolation_level_values(connection.connection)
        level = next((each for each in SNAPSHOT_LEVELS if each in levels), None)
        if level:
            connection.execution_options(isolation_level=level)
