"""Windows and sequences taken over from the version of a day that is published.

Why: a changed window costs that window alone, and the others are read as they stand.
Promise: every row that ends up in a table has the values it had. With known times a day has a
    table for each day on which rows of it became known, and none of them holds every version of
    a row; a version that was replaced on the day it became known is in none, here as there.
Not here: which of them are still right (``stage.py``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.tables.known import part_name
from pipelines.tables.versions import Versions

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Carried:
    """Columns of an earlier version that are still right.

    Attributes:
        folder: Where its tables are; they hold the same rows by the same known times.
        names: Which columns.
    """

    folder: Path
    names: frozenset[str]

    def of(self, day: str, versions: Versions | None) -> Columns:
        """Its columns, in the order of the day's rows.

        Args:
            day: Name of the day, ``YYYY-MM-DD``.
            versions: When each of its rows was known; None without known times.
        """
        if versions is None:
            return self._read(part_name(day, day))
        found: Columns = {}
        for known, rows in versions.parts(day):
            for name, values in self._read(part_name(day, known)).items():
                empty = np.zeros((len(rows), *values.shape[1:]), values.dtype)
                found.setdefault(name, empty)[rows] = values
        return found

    def _read(self, part: str) -> Columns:
        names = sorted(self.names)
        table = pq.read_table(self.folder / part, columns=names, use_threads=False)
        return {name: _values(table[name].combine_chunks()) for name in table.column_names}


def _values(column: pa.Array) -> NDArray[Any]:
    if hasattr(column.type, "list_size"):
        return column.flatten().to_numpy().reshape(-1, column.type.list_size)
    return column.to_numpy(zero_copy_only=False)
