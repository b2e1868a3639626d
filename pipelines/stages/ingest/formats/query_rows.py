"""Read the rows that a query returned, in the declared columns.

Not here: fetching them (``pipelines/stages/ingest/sources/query.py``).
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.types as of

from pipelines.spec import Column
from pipelines.stages.ingest.columns import match_columns, undeclared
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.sources.row_file import read_columns, read_rows
from pipelines.stages.ingest.values.cast import UTC, from_text, from_typed
from pipelines.stages.ingest.values.cast_errors import RowNames
from pipelines.stages.ingest.values.times import Clock


def read_result(path: Path, read: Read) -> Iterator[tuple[pa.Table, RowNames]]:
    """Declared columns of the rows, block by block.

    Yields:
        Rows, and a function that names one of them in messages.

    Raises:
        SchemaError: Declared columns are missing or ambiguous.
    """
    found = read_columns(path)
    columns = match_columns(found, read.table, read.name)
    read.extra = undeclared(found, columns)
    first = 0
    for rows in read_rows(path):
        own = rows.select(list(columns.values()))
        yield own.rename_columns(list(columns)), partial(_row_name, first)
        first += rows.num_rows


def from_result(
    values: pa.ChunkedArray, column: Column, file: str, row_names: RowNames, clock: Clock = UTC
) -> pa.ChunkedArray:
    """Cast a column of a query; SQLite has no times, and keeps them as texts.

    Raises:
        SchemaError: The types do not match, or a value cannot be cast without loss.
    """
    is_text = column.type == "timestamp" and of.is_string(values.type)
    return (from_text if is_text else from_typed)(values, column, file, row_names, clock)


def _row_name(first: int, row: int) -> str:
    return f"row {first + row} (the first is 0)"
