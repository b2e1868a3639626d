"""One source file as blocks of rows in the declared types.

Why: a day may be larger than memory, so rows are processed in blocks.
Promise: the blocks' rows are the file's, in its order, whatever the blocks' sizes.
Not here: the formats (``formats/``), casting a value (``values/cast.py``), the state of
    reading (``reading.py``).
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial

import pyarrow as pa

from pipelines.core.errors import SourceUnreadableError
from pipelines.spec import AnySource, Column, Meds, Query, Source
from pipelines.stages.ingest.damage import checked_read
from pipelines.stages.ingest.formats import FORMATS, Reader
from pipelines.stages.ingest.formats.meds import read_meds
from pipelines.stages.ingest.formats.query_rows import from_result, read_result
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.values.cast import from_text, from_typed
from pipelines.stages.ingest.values.cast_errors import RowNames
from pipelines.stages.ingest.values.number_marks import Marks
from pipelines.stages.ingest.values.relative_times import as_read
from pipelines.stages.ingest.values.times import Clock, Offsets

Cast = Callable[[pa.ChunkedArray, Column, str, RowNames, Clock], pa.ChunkedArray]


def read_blocks(read: Read) -> Generator[pa.Table, None, None]:
    """Rows in the declared types, in order.

    Raises:
        SourceNotReadyError: The file has gone, changed, or is still being written.
        SourceUnreadableError: It cannot be read and does not change any more.
        SchemaError: It is not the declared table.
    """
    cast, reader = _reader(read.table.source)
    clock = Clock.of_source(read.table.source, read.time_zone)
    # Times in a declared format all have an offset, or none has.
    times = [c.name for c in read.table.columns if c.type == "timestamp" and not c.time_format]
    read.offsets = {name: Offsets() for name in times}
    with (
        checked_read(read.file, read.planned),
        _names_are_text(read.name),
        read.file.local() as path,
    ):
        for rows, row_names in reader(path, read):
            for name in times:
                read.offsets[name].record(rows[name], row_names)
            found = pa.table(
                {
                    c.name: cast(rows[c.name], as_read(c), read.name, row_names, clock)
                    for c in read.table.columns
                }
            )
            yield read.relative.added(found, read.name, row_names) if read.relative else found


@contextmanager
def _names_are_text(name: str) -> Iterator[None]:
    """Name the file whose columns' names a library cannot decode."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise SourceUnreadableError(
            f"Source file {name} is corrupt: the name of a column, or another text of its schema, is "
            f"not UTF-8 ({error.reason}). Have it written again."
        ) from error


def _reader(source: AnySource) -> tuple[Cast, Reader]:
    """What reads a source's rows, and what casts one of their columns."""
    if isinstance(source, Query):
        return from_result, read_result
    if isinstance(source, Meds):
        return from_typed, read_meds
    # The rows of a lake table are fetched into a Parquet file.
    found = FORMATS[source.format if isinstance(source, Source) else "parquet"]
    if not found.is_text:
        return from_typed, found.read
    return partial(from_text, marks=Marks.of_source(source)), found.read
