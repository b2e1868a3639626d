"""Arrow types of a declared table, as ingest writes it and every later stage reads it.

Why: a column that is int64 on one day and float64 on the next breaks hashes, sums and readers.
Promise: the schema follows from the declaration alone, never from a day's values.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.shared.tables import ROW
from pipelines.spec import Column, Table

TYPES = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "timestamp": pa.timestamp("us"),
    "text": pa.string(),
    "flag": pa.int64(),
}


# A row group is the unit of later tasks: a task of half a million rows takes ten times as long as
# Dask's overhead per task, and needs a small part of a worker's GiB.
GROUP_ROWS = 1 << 19
GROUP_BYTES = 256 << 20


def canonical_type(column: Column) -> pa.DataType:
    """The Arrow type of a declared column in every stage."""
    return TYPES[column.type]


def table_schema(table: Table) -> pa.Schema:
    """Declared columns in declared order, then the row's position in the source."""
    fields = [pa.field(column.name, canonical_type(column)) for column in table.columns]
    return pa.schema([*fields, pa.field(ROW, pa.int64(), nullable=False)])


def write_table(table: pa.Table, path: Path) -> None:
    """Write Parquet with the store's options, in row groups of ``GROUP_ROWS``."""
    options = parquet_options(table.schema)
    pq.write_table(
        table.replace_schema_metadata(None), path, row_group_size=GROUP_ROWS, **options
    )


def group_rows(row_bytes: int) -> int:
    """Rows of a row group: ``GROUP_ROWS``, or a half, a quarter and so on where rows are wide."""
    rows = GROUP_ROWS
    while rows > 1 and rows * row_bytes > GROUP_BYTES:
        rows //= 2
    return rows


def write_groups(groups: Iterable[pa.Table], path: Path) -> None:
    """Write Parquet with the store's options, a row group for each table; at least one is needed."""
    with ExitStack() as stack:
        writer = None
        for group in groups:
            rows = group.replace_schema_metadata(None)
            if writer is None:
                options = parquet_options(rows.schema)
                writer = stack.enter_context(pq.ParquetWriter(path, rows.schema, **options))
            writer.write_table(rows, max(rows.num_rows, 1))
            # Else the next group would be in memory together with this one.
            del group, rows


def parquet_options(schema: pa.Schema, few: tuple[str, ...] = ()) -> dict[str, Any]:
    """Options of the Parquet writer: zstd 1, page checksums, integers as differences.

    Ids and times have few repeats, so a dictionary costs time and space; as differences they
    are written in a quarter of the time, and read in half (1 M rows, pyarrow 25). Columns of
    ``few`` distinct values have a dictionary, as texts do.
    """
    whole = (pa.types.is_integer, pa.types.is_timestamp)
    differences = [
        f.name for f in schema if f.name not in few and any(check(f.type) for check in whole)
    ]
    return {
        "compression": "zstd",
        "compression_level": 1,
        "write_page_checksum": True,
        "use_dictionary": [
            f.name for f in schema if f.name in few or pa.types.is_string(f.type)
        ],
        "column_encoding": dict.fromkeys(differences, "DELTA_BINARY_PACKED"),
    }
