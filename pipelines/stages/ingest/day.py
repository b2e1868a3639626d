"""Write a day's rows as they arrive, numbered consecutively, in row groups of one size.

Why: the bytes in the store must not depend on how the source splits its rows into files and row
    groups, nor on how many of them fit into memory.
Promise: the same rows give the same bytes; one row group is in memory at a time. Where ids are
    unique over days, the day's ids are written beside its rows (``pipelines/shared/tables/ids.py``).
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.shared.tables import IDS, ROW
from pipelines.shared.tables.ids import IdsWriter
from pipelines.shared.tables.schema import parquet_options, table_schema, write_table
from pipelines.spec import Pipeline
from pipelines.stages.ingest.rejects import Reject
from pipelines.stages.ingest.values.composites import with_composites

PART, REJECTS = "part-0.parquet", "rejected-lines.parquet"
GROUP_ROWS = 1 << 20
GROUP_BYTES = 256 << 20
VALUE_BYTES = 8

REJECTS_SCHEMA = pa.schema(
    [
        pa.field("file", pa.string()),
        pa.field("line", pa.int64()),
        pa.field("fields", pa.int64()),
        pa.field("expected", pa.int64()),
        pa.field("text", pa.string()),
    ]
)


class DayWriter:
    """Writes the day's table.

    Attributes:
        rows: Number of rows added so far.
    """

    def __init__(self, pipeline: Pipeline, day: str, folder: Path) -> None:
        table = pipeline.stored
        self.rows = 0
        self._composites = pipeline.composites()
        self._ids = (
            IdsWriter(
                table.id_column, table.time_column, pipeline.partitions().bounds(day), folder
            )
            if table.compares_ids
            else None
        )
        self._schema = table_schema(table)
        self._group_rows = group_rows(len(self._schema))
        self._buffer: list[pa.Table] = []
        self._buffered_rows = 0
        self._written = 0
        self._file = pq.ParquetWriter(
            folder / PART, self._schema, **parquet_options(self._schema)
        )

    def add(self, block: pa.Table) -> None:
        """Add a block of rows in the declared types; write a row group once it is full."""
        self.rows += block.num_rows
        self._buffer.append(with_composites(block, self._composites))
        self._buffered_rows += block.num_rows
        while self._buffered_rows >= self._group_rows:
            self._write(self._group_rows)

    def close(self) -> None:
        """Write the remaining rows, and the footer."""
        if self._buffered_rows:
            self._write(self._buffered_rows)
        self._file.close()
        if self._ids is not None:
            self._ids.close()

    def _write(self, rows: int) -> None:
        buffered = pa.concat_tables(self._buffer)
        numbers = pa.array(np.arange(self._written, self._written + rows))
        group = buffered.slice(0, rows).append_column(self._schema.field(ROW), numbers)
        self._file.write_table(group.combine_chunks(), row_group_size=rows)
        if self._ids is not None:
            self._ids.add(group)
        self._buffer, self._buffered_rows = [buffered.slice(rows)], self._buffered_rows - rows
        self._written += rows


def group_rows(columns: int) -> int:
    """Rows of a row group: a million, or fewer where a row is very wide."""
    return max(1, min(GROUP_ROWS, GROUP_BYTES // (VALUE_BYTES * columns)))


def remove_rows(folder: Path) -> None:
    """Remove the rows of a refused day."""
    for name in (PART, IDS):
        (folder / name).unlink(missing_ok=True)


def write_rejects(rejected: dict[str, list[Reject]], folder: Path) -> None:
    """Write the rejected lines, by file and line."""
    lines = [(file, line) for file, found in rejected.items() for line in found]
    columns = {
        "file": [file for file, _ in lines],
        "line": [line.line for _, line in lines],
        "fields": [line.fields for _, line in lines],
        "expected": [line.expected for _, line in lines],
        "text": [line.text for _, line in lines],
    }
    write_table(pa.table(columns, schema=REJECTS_SCHEMA), folder / REJECTS)
