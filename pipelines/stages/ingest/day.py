"""Writing a day's rows as they come, numbered through, in row groups of one size.

Why: what is in the store must not depend on how the source cut its rows into files and row
    groups, nor on how many of them fit into memory.
Promise: the same rows give the same bytes; one row group is held at a time. Where ids are unique
    over days, the day's ids lie beside its rows (``pipelines/shared/tables/ids.py``).
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.shared.tables import IDS, ROW
from pipelines.shared.tables.ids import IdsWriter
from pipelines.shared.tables.schema import parquet_options, table_schema, write_table
from pipelines.spec import Table
from pipelines.stages.ingest.rejects import Reject

PART, REJECTS = "part-0.parquet", "rejected-lines.parquet"
GROUP_ROWS = 1 << 20
GROUP_BYTES = 256 << 20
VALUE_BYTES = 8

REJECT_SCHEMA = pa.schema(
    [
        pa.field("file", pa.string()),
        pa.field("line", pa.int64()),
        pa.field("fields", pa.int64()),
        pa.field("expected", pa.int64()),
        pa.field("text", pa.string()),
    ]
)


class DayWriter:
    """The day's table while it is written.

    Attributes:
        rows: Rows taken so far.
    """

    def __init__(self, table: Table, day: str, folder: Path) -> None:
        self.rows = 0
        self._ids = (
            None
            if table.unique_days == 1
            else IdsWriter(table.row_id, table.event_time, day, folder)
        )
        self._schema = table_schema(table)
        self._group_rows = group_rows(len(self._schema))
        self._held: list[pa.Table] = []
        self._held_rows = 0
        self._written = 0
        self._file = pq.ParquetWriter(
            folder / PART, self._schema, **parquet_options(self._schema)
        )

    def add(self, block: pa.Table) -> None:
        """Take a block of rows in the declared types; write a row group once it is full."""
        self.rows += block.num_rows
        self._held.append(block)
        self._held_rows += block.num_rows
        while self._held_rows >= self._group_rows:
            self._write(self._group_rows)

    def close(self) -> None:
        """Write what is held, and the footer."""
        if self._held_rows:
            self._write(self._held_rows)
        self._file.close()
        if self._ids is not None:
            self._ids.close()

    def _write(self, rows: int) -> None:
        held = pa.concat_tables(self._held)
        numbers = pa.array(np.arange(self._written, self._written + rows))
        group = held.slice(0, rows).append_column(self._schema.field(ROW), numbers)
        self._file.write_table(group.combine_chunks(), row_group_size=rows)
        if self._ids is not None:
            self._ids.add(group)
        self._held, self._held_rows = [held.slice(rows)], self._held_rows - rows
        self._written += rows


def group_rows(columns: int) -> int:
    """Rows of a row group: a million, or fewer where a row is very wide."""
    return max(1, min(GROUP_ROWS, GROUP_BYTES // (VALUE_BYTES * columns)))


def remove_rows(folder: Path) -> None:
    """Leave none of a day that is refused."""
    for name in (PART, IDS):
        (folder / name).unlink(missing_ok=True)


def write_rejects(rejected: dict[str, list[Reject]], folder: Path) -> None:
    """Write the lines that were kept apart, by file and line."""
    lines = [(file, line) for file, found in rejected.items() for line in found]
    columns = {
        "file": [file for file, _ in lines],
        "line": [line.line for _, line in lines],
        "fields": [line.fields for _, line in lines],
        "expected": [line.expected for _, line in lines],
        "text": [line.text for _, line in lines],
    }
    write_table(pa.table(columns, schema=REJECT_SCHEMA), folder / REJECTS)
