"""Windows and sequences reused from the version of a day that is published.

Why: a changed window costs that window alone, and the others are read as they stand.
Promise: every row that ends up in a table has the values it had. With known times a day has a
    table for each day on which rows of it became known, and none of them holds every version of
    a row; a version that was replaced on the day it became known is in none, here as there.
Not here: which of them are still right (``reusable.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.shared.tables.known_days import part_name
from pipelines.shared.tables.versions import Versions
from pipelines.stages.featurize.bucket import BucketResult

Columns = dict[str, NDArray[Any]]
BATCH_ROWS = 1 << 16
NO_PROGRAM = ""
"""Instead of a program: reused columns are of several, each known by its own name."""


@dataclass(frozen=True, slots=True)
class ReusedColumns:
    """Columns of an earlier version that are still right.

    Attributes:
        folder: Where its tables are; they hold the same rows by the same known times.
        names: Which columns.
    """

    folder: Path
    names: frozenset[str]

    def results(self, last_day: str, versions: Versions | None) -> Iterator[BucketResult]:
        """Its columns as the result of a task has them, some rows at a time.

        Args:
            last_day: The day in which the partition ends.
            versions: When each of its rows was known; None without known times.
        """
        if versions is None:
            yield from self._read(part_name(last_day, last_day), None)
            return
        for known, rows in versions.parts(last_day):
            yield from self._read(part_name(last_day, known), np.flatnonzero(rows))

    def _read(self, part: str, positions: NDArray[np.int64] | None) -> Iterator[BucketResult]:
        """Rows of a table, which are those at ``positions`` of the day; None for all of them."""
        names, start = sorted(self.names), 0
        with pq.ParquetFile(self.folder / part, page_checksum_verification=True) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
                end = start + len(batch)
                at = np.arange(start, end) if positions is None else positions[start:end]
                columns = {name: _values(batch[name]) for name in names}
                none = np.empty((len(batch), 0))
                yield BucketResult(NO_PROGRAM, at.astype(np.int32), none, 0, columns)
                start = end


def _values(column: pa.Array) -> NDArray[Any]:
    if hasattr(column.type, "list_size"):
        return column.flatten().to_numpy().reshape(-1, column.type.list_size)
    return column.to_numpy(zero_copy_only=False)
