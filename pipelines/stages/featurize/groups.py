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
        yield from in_groups(_pieces(file, columns, rows), rows)


def in_groups(pieces: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The rows of some pieces in groups of ``rows``, each column in one chunk; the last has fewer.

    Without any row there is one group all the same, as empty as the pieces; one is needed.
    """
    held, is_first = None, True
    for piece in pieces:
        held = pa.concat_tables([held, piece]) if held else piece
        while held.num_rows >= rows:
            yield held.slice(0, rows).combine_chunks()
            # An empty slice would hold on to what it is of.
            more = held.num_rows > rows
            held, is_first = held.slice(rows) if more else held.schema.empty_table(), False
    if held is not None and (held.num_rows or is_first):
        yield held.combine_chunks()


def _pieces(file: pq.ParquetFile, columns: list[str], rows: int) -> Iterator[pa.Table]:
    yield file.schema_arrow.empty_table().select(columns)
    for batch in file.iter_batches(rows, columns=columns, use_threads=False):
        yield pa.Table.from_batches([batch]).select(columns)
