"""The rows of a query, fetched once into a temporary file.

Why: a database has no bytes to identify its rows by, and they may change between two looks: what is
    planned must be what is read.
Promise: a request runs each query once, in one snapshot, and reads its rows from the file; the digest
    is that of the rows, so that unchanged rows are work that was done; memory holds one block of rows.
Not here: the database (``database.py``), the file (``row_file.py``), the casts (``pipelines/stages/ingest/rows.py``).
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import SchemaError, SourceNotReadyError
from pipelines.protocol import Work
from pipelines.spec import Query, Table
from pipelines.spec.statements import END, START
from pipelines.stages.ingest.columns import match_columns
from pipelines.stages.ingest.sources.addresses import database_of

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.stages.ingest.sources.database import DatabaseView, ResultColumn

BLOCK_ROWS = 1 << 14
LAST = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The rows of one query in a temporary file, which goes with it.

    Attributes:
        name: Its name in manifests and messages.
        folder: Folder of the file.
        sha256: Digest of the rows.
        rows: Number of rows.
        failure: Why the rows after the last one are not in the file; None for a whole result.
    """

    name: str
    folder: "tempfile.TemporaryDirectory[str]"
    sha256: str
    rows: int
    failure: SchemaError | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return path_in(self.folder)

    def digest(self) -> str:
        """Digest of the rows."""
        return self.sha256

    def size_bytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size

    def age_s(self) -> float:
        """Infinite: a snapshot does not change."""
        return float("inf")

    @contextmanager
    def local(self) -> Iterator[Path]:
        """The file.

        Raises:
            SchemaError: Not all rows could be fetched, or the rows are not those of the table.
        """
        if self.failure is not None:
            raise self._of_query(self.failure)
        try:
            yield self.path
        except SchemaError as error:
            raise self._of_query(error) from error

    def _of_query(self, error: SchemaError) -> SchemaError:
        """An error of the casts and of the columns, whose words are of files."""
        said = str(error).replace(f"Source file {self.name}", f"The {self.name}", 1)
        return SchemaError(said.replace("; the file has ", "; the query returns ", 1))


def path_in(folder: "tempfile.TemporaryDirectory[str]") -> Path:
    """The file of rows in a temporary folder."""
    return Path(folder.name) / "rows"


def query_result(work: Work, table: Table, query: Query) -> QueryResult:
    """The rows of a table's query for a partition, fetched once in a request.

    Raises:
        SourceNotReadyError: The query has rows neither of the partition nor of a later one.
        TransientError: The database does not answer.
        ConfigError: The database refuses the statement or the user, or is not known.
    """
    partition = work.day if query.is_by_partition else ""
    key = (table.name, query, work.source, partition)
    known = work.fetched.get(table.name)
    if known is None or known[0] != key:
        # One at a time: the file of an earlier partition goes when it is replaced.
        known = work.fetched[table.name] = (key, _fetched(work, table, query))
    result: QueryResult = known[1]
    return result


def _fetched(work: Work, table: Table, query: Query) -> QueryResult:
    from pipelines.shared.databases.database_errors import in_its_own_words
    from pipelines.stages.ingest.sources.database import viewed

    where = f"{work.report.work}: the query of {table.name}"
    zone = query.time_zone or work.pipeline.time_zone
    bounds = _bounds(work, query)
    with in_its_own_words(where), viewed(database_of(work, query), zone) as view:
        result = _spooled(view, work.pipeline.marked_table(), query, bounds)
        if bounds and not result.rows and result.failure is None:
            _require_reached(view, work, query, bounds)
    return result


def _bounds(work: Work, query: Query) -> dict[str, datetime]:
    if not query.is_by_partition:
        return {}
    partitions = work.pipeline.partitions()
    return {START: partitions.start(work.day), END: partitions.end(work.day)}


def _spooled(
    view: "DatabaseView", table: Table, query: Query, bounds: Mapping[str, datetime]
) -> QueryResult:
    from pipelines.stages.ingest.sources.row_file import write_rows

    name = f"query of {table.name}"
    found = view.columns(query.sql, bounds)
    blocks = _blocks(view, table, query, bounds, found)
    failure: list[SchemaError] = []
    folder = tempfile.TemporaryDirectory(prefix="millrace-source-")
    digest, rows = write_rows(
        path_in(folder), [c.name for c in found], _until_failure(blocks, failure)
    )
    if not failure:
        return QueryResult(name, folder, digest, rows)
    return QueryResult(name, folder, f"{digest}, then {failure[0]}", rows, failure[0])


def _blocks(
    view: "DatabaseView",
    table: Table,
    query: Query,
    bounds: Mapping[str, datetime],
    found: "Sequence[ResultColumn]",
) -> "Iterator[pa.Table]":
    """The declared columns of the rows, ordered by all of them, the row id first."""
    from pipelines.stages.ingest.sources.row_blocks import arrow_block

    source = f"query of {table.name}"
    by_name = {each.name: each for each in found}
    matched = match_columns([each.name for each in found], table, source)
    columns = [by_name[name] for name in matched.values()]
    order = [by_name[matched[name]] for name in ordered_columns(table)]
    hidden = {matched[column.name] for column in table.columns if column.sensitive}
    first = 0
    for rows in view.blocks(query.sql, bounds, columns, order, BLOCK_ROWS):
        yield arrow_block(rows, list(matched.values()), f"The {source}", first, hidden)
        first += len(rows)


def ordered_columns(table: Table) -> list[str]:
    """The declared columns in the order in which rows are sorted by them.

    The row id comes first. Rows that repeat it follow one another by their times, then by everything else.
    """
    ids = (table.row_id,) if isinstance(table.row_id, str) else table.row_id
    times = filter(None, (table.event_time, table.known_time))
    return list(dict.fromkeys([*ids, *times, *table.column_names()]))


def _until_failure(
    blocks: "Iterator[pa.Table]", failure: list[SchemaError]
) -> "Iterator[pa.Table]":
    """The blocks before a failure, which refuses the partition when its rows are read."""
    try:
        yield from blocks
    except SchemaError as error:
        failure.append(error)


def _require_reached(
    view: "DatabaseView", work: Work, query: Query, bounds: Mapping[str, datetime]
) -> None:
    """Wait for a partition at which the rows of the database have not arrived."""
    later = {START: bounds[END], END: LAST}
    if view.has_rows(query.sql, later):
        return
    described = work.pipeline.partitions().described(work.day)
    raise SourceNotReadyError(
        f"{work.report.work}: the query of {work.pipeline.table.name} has no rows of {described} "
        f"({bounds[START]:%Y-%m-%d %H:%M} to {bounds[END]:%Y-%m-%d %H:%M} UTC), nor of any later time. "
        f"Wait until the database has them, or correct the statement's use of :start and :end."
    )
