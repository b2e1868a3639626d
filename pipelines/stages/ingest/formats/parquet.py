"""Read one Parquet source file, with a distinct error for each kind of damage.

Why: pyarrow raises a ValueError for a truncated file and a plain OSError for a corrupt page,
    and reads invalid UTF-8 without an error.
Promise: blocks are complete and their text is valid; only declared columns are read, and at most
    a block of rows is in memory, whatever the size of the file or its row groups.
"""

import gzip
import io
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.errors import SourceUnreadableError
from pipelines.spec import Column
from pipelines.stages.ingest.columns import match_columns, undeclared
from pipelines.stages.ingest.damage import TRANSIENT, CutShortError
from pipelines.stages.ingest.formats.compression import kind_of
from pipelines.stages.ingest.formats.typed import is_cut, require_utf8, row_name, short
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.values.cast_errors import CastError, RowNames
from pipelines.stages.ingest.values.times import BEYOND, first_beyond

MAGIC = b"PAR1"
BLOCK_ROWS = 1 << 17
# Column chunks are read through buffers of this size, so that no whole row group is in memory.
BUFFER_BYTES = 1 << 20


def read_parquet(path: Path, read: Read) -> Iterator[tuple[pa.Table, RowNames]]:
    """Declared columns of a file, block by block, in the file's own types.

    Yields:
        Rows, and a function that names one of them in messages.

    Raises:
        CutShortError: There is no footer: the file is empty, truncated, or not Parquet.
        SourceUnreadableError: Pages are corrupt, or text is not UTF-8.
        SchemaError: Declared columns are missing or ambiguous.
    """
    with _seekable(path, read.name) as source, _opened(source, path, read.name) as file:
        found = file.schema_arrow.names
        columns = match_columns(found, read.table, read.name)
        read.extra = undeclared(found, columns)
        _require_int96_that_fits(source, file, columns, read)
        first = 0
        for batch in batches(file, list(dict.fromkeys(columns.values())), read.name):
            rows = pa.Table.from_batches([batch]).select(list(columns.values()))
            rows = rows.rename_columns(list(columns))
            require_utf8(rows, read.name, first)
            yield rows, partial(row_name, first)
            first += batch.num_rows
            read.read_share = first / max(file.metadata.num_rows, 1)


@contextmanager
def opened(path: Path, name: str) -> Iterator[pq.ParquetFile]:
    """A file whose footer is whole, to be read.

    Raises:
        CutShortError: There is no footer: the file is empty, truncated, or not Parquet.
    """
    with _seekable(path, name) as source, _opened(source, path, name) as file:
        yield file


def batches(file: pq.ParquetFile, columns: list[str], name: str) -> Iterator[pa.RecordBatch]:
    """Columns of a file, block by block.

    Raises:
        SourceUnreadableError: Pages are corrupt.
    """
    blocks = file.iter_batches(BLOCK_ROWS, columns=columns)
    while True:
        try:
            batch = next(blocks, None)
        except TRANSIENT:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise SourceUnreadableError(
                f"Source file {name} is corrupt: its footer is valid and its pages are not "
                f"({short(error)}). Expected readable pages. Have it written again."
            ) from error
        if batch is None:
            return
        yield batch


def _require_int96_that_fits(
    source: Path | io.BufferedIOBase,
    file: pq.ParquetFile,
    columns: Mapping[str, str],
    read: Read,
) -> None:
    """Check int96 times in seconds, which can represent all of them: microseconds would overflow."""
    schema = file.schema
    kinds = {schema.column(n).path: schema.column(n).physical_type for n in range(len(schema))}
    old = {own: c for c, own in columns.items() if kinds.get(own) == "INT96"}
    if not old:
        return
    with pq.ParquetFile(source, coerce_int96_timestamp_unit="s") as seconds:
        first = 0
        for batch in batches(seconds, list(old), read.name):
            rows = pa.Table.from_batches([batch])
            for own, column in old.items():
                _require_within(
                    rows[own], read.table.column(column), read.name, partial(row_name, first)
                )
            first += batch.num_rows


def _require_within(
    seconds: pa.ChunkedArray, column: Column, name: str, row_names: RowNames
) -> None:
    row = first_beyond(seconds)
    if row >= 0:
        failure = CastError(row, BEYOND, "a time within them. Correct the source.")
        raise failure.schema_error(seconds, column, name, row_names)


def _opened(source: Path | io.BufferedIOBase, path: Path, name: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(
            source,
            page_checksum_verification=True,
            buffer_size=BUFFER_BYTES,
            # By default int96 becomes nanoseconds, which overflow before 1677 and after 2262.
            coerce_int96_timestamp_unit="us",
        )
    except TRANSIENT:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        cut = kind_of(path) != "gzip" and is_cut(path, MAGIC)
        raise _not_parquet(path, name, error, cut=cut) from error


@contextmanager
def _seekable(path: Path, name: str) -> Iterator[Path | io.BufferedIOBase]:
    """The file itself, or its decompressed content in a temporary file: Parquet needs seeking."""
    if kind_of(path) != "gzip":
        yield path
        return
    with tempfile.TemporaryFile(prefix="millrace-source-") as plain:
        try:
            with gzip.open(path) as packed:
                shutil.copyfileobj(packed, plain, BUFFER_BYTES)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            cut = isinstance(error, EOFError)
            raise _not_parquet(path, name, error, cut=cut) from error
        plain.seek(0)
        yield plain


def _not_parquet(
    path: Path, name: str, error: Exception, *, cut: bool
) -> SourceUnreadableError:
    return (CutShortError if cut else SourceUnreadableError)(
        f"Source file {name} ({path.stat().st_size:,} bytes) is truncated, empty or not "
        f"Parquet ({short(error)}). Expected a complete Parquet file. Have it written again, "
        f"or declare the source's format."
    )
