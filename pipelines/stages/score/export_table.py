"""A partition's scores as rows of a database's table.

Why: case management and reporting read tables.
Promise: the partition's rows are replaced in one transaction, so a reader sees all of the former or all of the new ones,
    and a writer that is killed leaves the former; two writers wait for one another. PostgreSQL takes rows by COPY,
    a row group at a time; another database by batches of inserts.
Not here: addresses and errors (``pipelines/shared/databases/``).
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pipelines.core.connections import connection_named
from pipelines.shared.databases.database_errors import in_its_own_words
from pipelines.shared.databases.database_url import url_of_connection
from pipelines.stages.score.copied_scores import ScoresToCopy
from pipelines.stages.score.export_file import groups_of

if TYPE_CHECKING:
    import psycopg

PIPELINE, PARTITION, SCORED_AS = OWN = ("pipeline", "scored_partition", "scored_as")
"""Columns before those of the scores: whose they are, of which partition, and the digest that names them."""

POSTGRESQL, SQLITE = "postgresql", "sqlite"
INSERT_ROWS = 50_000
TIMEOUT_S = 30
REMEDY = (
    "See that the user may create or change the table scoring.table, and that its columns are those of this "
    "pipeline's scores: rename or drop a table of other columns, or declare another one."
)


@dataclass(frozen=True, slots=True)
class TableExport:
    """A declared table.

    Attributes:
        connection: Id of the Airflow connection.
        table: Its name, with its schema where it has one.
        folder: Where the scores' parts are.
    """

    connection: str
    table: str
    folder: Path

    def stands(self, scores: ScoresToCopy) -> bool:
        """Whether the table has these scores of the partition, all of them and no others."""
        with self._connected() as database:
            table = self._described(database)
            if not sa.inspect(database).has_table(table.name, table.schema):
                return False
            of = table.c[SCORED_AS]
            counted = sa.select(of, sa.func.count()).where(_of(table, scores)).group_by(of)
            found = [tuple(row) for row in database.execute(counted)]
        return found == ([(scores.digest[:16], scores.rows)] if scores.rows else [])

    def write(self, scores: ScoresToCopy) -> str:
        """Replace the partition's rows in one transaction."""
        with self._connected() as database:
            table = self._described(database)
            _wait_for_others(database, self.table)
            table.metadata.create_all(database)
            database.execute(sa.delete(table).where(_of(table, scores)))
            for group in groups_of(self._parts()):
                _insert(database, table, _with_own(group, scores))
        return f"{scores.rows:,} scores are written to the table {self.table} of connection {self.connection}"

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _described(self, database: sa.Connection) -> sa.Table:
        schema, _, name = self.table.rpartition(".")
        texts = [sa.Column(each, sa.String(64), nullable=False) for each in OWN]
        columns = [
            sa.Column(field.name, _type(field.type))
            for field in pq.read_schema(self._parts()[0])
        ]
        index = sa.Index(f"{name}_by_partition", PIPELINE, PARTITION)
        schema_of = schema or None if database.dialect.name != SQLITE else None
        return sa.Table(name, sa.MetaData(), *texts, *columns, index, schema=schema_of)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """A connection in a transaction, which is committed at the end.

        Raises:
            TransientError: The database does not answer, or is busy.
            ConfigError: The connection is not defined, or the database refuses.
        """
        url = url_of_connection(connection_named(self.connection))
        with in_its_own_words(f"connection {self.connection}, table {self.table}", REMEDY):
            waits = {"timeout": TIMEOUT_S} if url.get_backend_name() == SQLITE else {}
            engine = sa.create_engine(url, poolclass=NullPool, connect_args=waits)
            try:
                with engine.begin() as database:
                    yield database
            finally:
                engine.dispose()


def _of(table: sa.Table, scores: ScoresToCopy) -> sa.ColumnElement[bool]:
    return sa.and_(table.c[PIPELINE] == scores.pipeline, table.c[PARTITION] == scores.partition)


def _wait_for_others(database: sa.Connection, name: str) -> None:
    """Let one transaction at a time write to the table: of two that replace a day, both would insert it."""
    if database.dialect.name == POSTGRESQL:
        locked = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        database.execute(locked, {"name": f"millrace {name}"})


def _with_own(group: pa.Table, scores: ScoresToCopy) -> pa.Table:
    """Rows with the columns before those of the scores, and lists as JSON."""
    values = (scores.pipeline, scores.partition, scores.digest[:16])
    columns: dict[str, Any] = {
        name: pa.repeat(pa.scalar(value), group.num_rows)
        for name, value in zip(OWN, values, strict=True)
    }
    for name in group.column_names:
        columns[name] = _plain(group[name])
    return pa.table(columns)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if not pa.types.is_list(column.type):
        return column
    if column.null_count == len(column):
        return pa.nulls(len(column), pa.string())
    there = pc.is_valid(column)
    texts = pa.array(
        [json.dumps(each) for each in column.filter(there).to_pylist()], pa.string()
    )
    return pc.replace_with_mask(
        pa.nulls(len(column), pa.string()), there.combine_chunks(), texts
    )


def _insert(database: sa.Connection, table: sa.Table, rows: pa.Table) -> None:
    if database.dialect.name != POSTGRESQL:
        for batch in rows.to_batches(INSERT_ROWS):
            if len(batch):
                database.execute(sa.insert(table), batch.to_pylist())
        return
    quote = database.dialect.identifier_preparer
    names = ", ".join(map(quote.quote_identifier, rows.column_names))
    statement = f"COPY {quote.format_table(table)} ({names}) FROM STDIN (FORMAT csv)"
    options = pyarrow.csv.WriteOptions(include_header=False)
    with _of_the_driver(statement), _cursor(database) as cursor, cursor.copy(statement) as copy:
        for batch in rows.to_batches(INSERT_ROWS):
            text = io.BytesIO()
            pyarrow.csv.write_csv(batch, text, options)
            copy.write(text.getvalue())


def _cursor(database: sa.Connection) -> "psycopg.Cursor":
    driver: Any = database.connection.driver_connection
    cursor: psycopg.Cursor = driver.cursor()
    return cursor


@contextmanager
def _of_the_driver(statement: str) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy's, which it does for its own statements alone."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise sa.exc.DBAPIError(statement, None, error) from error


def _type(kind: pa.DataType) -> sa.types.TypeEngine[Any]:
    if pa.types.is_integer(kind):
        return sa.BigInteger()
    if pa.types.is_floating(kind):
        return sa.Float(24) if kind.bit_width == 32 else sa.Float(53)  # noqa: PLR2004
    if pa.types.is_boolean(kind):
        return sa.Boolean()
    return sa.DateTime() if pa.types.is_timestamp(kind) else sa.Text()
