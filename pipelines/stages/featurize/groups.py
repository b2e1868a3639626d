"""A table a group of rows at a time, however its file or its maker cut it.

Why: what is written must not depend on the row groups of what was read.
Promise: about two groups are in memory at a time.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def read_groups(path: Path, columns: list[str], rows: int) -> Iterator[pa.Table]:
    """Columns of a Parquet file in groups of ``rows``; see ``in_groups``."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        yield from in_groups(_tables(file, columns, rows), rows)


def in_groups(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The rows of some tables in groups of ``rows``, each column in one chunk; the last has fewer.

    Without any row there is one group all the same, as empty as the tables; one is needed.
    """
    left, is_first = None, True
    for table in tables:
        left = pa.concat_tables([left, table]) if left else table
        while left.num_rows >= rows:
            yield left.slice(0, rows).combine_chunks()
            # An empty slice would hold on to what it is of.
            more = left.num_rows > rows
            left, is_first = left.slice(rows) if more else left.schema.empty_table(), False
    if left is not None and (left.num_rows or is_first):
        yield left.combine_chunks()


def _tables(file: pq.ParquetFile, columns: list[str], rows: int) -> Iterator[pa.Table]:
    yield file.schema_arrow.empty_table().select(columns)
    for batch in file.iter_batches(rows, columns=columns, use_threads=False):
        yield pa.Table.from_batches([batch]).select(columns)
