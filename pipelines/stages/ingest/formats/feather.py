"""Read one Feather source file (version 2, the Arrow IPC file format), batch by batch.

Promise: only declared columns are read, and a batch of them is in memory; values that the file's bytes
    contradict are an error.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipelines.core.errors import SourceUnreadableError
from pipelines.stages.ingest.columns import match_columns, undeclared
from pipelines.stages.ingest.damage import TRANSIENT
from pipelines.stages.ingest.formats.typed import blocks_of, not_of_format, short
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.values.cast_errors import RowNames

MAGIC = b"ARROW1"


def read_feather(path: Path, read: Read) -> Iterator[tuple[pa.Table, RowNames]]:
    """Declared columns of a file, block by block, in the file's own types.

    Yields:
        Rows, and a function that names one of them in messages.

    Raises:
        CutShortError: There is no footer: the file is empty or truncated.
        SourceUnreadableError: It is not Feather, its batches are corrupt, or text is not UTF-8.
        SchemaError: Declared columns are missing or ambiguous.
    """
    # Not memory-mapped: a file that is truncated meanwhile would end the process.
    with pa.OSFile(str(path)) as source:
        found = _opened(source, path, read.name).schema.names
        columns = match_columns(found, read.table, read.name)
        read.extra = undeclared(found, columns)
        used = sorted({found.index(own) for own in columns.values()})
        file, first = _opened(source, path, read.name, used), 0
        for number in range(file.num_record_batches):
            rows = pa.Table.from_batches([_batch(file, number, read.name)])
            yield from blocks_of(rows, columns, read.name, first)
            first += rows.num_rows
            read.read_share = (number + 1) / file.num_record_batches


def _opened(
    source: pa.NativeFile, path: Path, name: str, fields: list[int] | None = None
) -> pa.ipc.RecordBatchFileReader:
    options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
    try:
        return pa.ipc.open_file(source, options=options)
    except TRANSIENT:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise not_of_format(path, name, "Feather (version 2)", error, MAGIC) from error


def _batch(file: pa.ipc.RecordBatchFileReader, number: int, name: str) -> pa.RecordBatch:
    try:
        return file.get_batch(number)
    except TRANSIENT:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SourceUnreadableError(
            f"Source file {name} is corrupt in batch {number} (the first is 0): {short(error)}. "
            f"Expected readable batches. Have it written again."
        ) from error
