"""Results of tasks on disk until all of them are there, and back a group of rows at a time.

Why: a task returns rows from all over the day, a table is written in the order of its rows, and a
    day is larger than memory.
Promise: memory is that of one result, or of what is read back; in which order results came changes
    nothing. The file has no name, so a kill leaves nothing behind.
Not here: what is made of the rows (``day.py``).
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.featurize.bucket import BucketResult


@dataclass(frozen=True, slots=True)
class _Array:
    """Where an array of a result is: rows of one group after those of the group before."""

    name: str
    offset: int
    dtype: np.dtype[Any]
    row_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Stored:
    """A result: whose, its first group, where the rows of that and each later one end, its arrays."""

    program: str
    first: int
    ends: NDArray[np.int64]
    arrays: tuple[_Array, ...]


class Spill:
    """A day's results, by groups of neighbouring rows.

    Args:
        folder: Where the file is, on a disk that has room for the results.
        rows: Rows of the day.
        group_rows: Rows of a group; the last may have fewer.
    """

    def __init__(self, folder: Path, rows: int, group_rows: int) -> None:
        self._group_rows = group_rows
        self._of = [list[_Stored]() for _ in range(max(1, -(-rows // group_rows)))]
        self._end = 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, result: BucketResult) -> None:
        """Take a result, of rows anywhere in the day."""
        if not len(result.position):
            return
        group = result.position // self._group_rows
        order, first = np.argsort(group, kind="stable"), int(group.min())
        ends = np.cumsum(np.bincount(group - first))
        named: dict[str, NDArray[Any]] = {"position": result.position, "values": result.values}
        named |= result.blocks
        arrays = tuple(self._write(name, array[order]) for name, array in named.items())
        stored = _Stored(result.program, first, ends, arrays)
        for results in self._of[first : first + len(ends)]:
            results.append(stored)

    def of(self, group: int) -> Iterator[BucketResult]:
        """The rows of a group, result by result; positions count from its first row."""
        for stored in self._of[group]:
            nth = group - stored.first
            start = int(stored.ends[nth - 1]) if nth else 0
            rows = int(stored.ends[nth]) - start
            if rows:
                yield self._read(stored, start, rows, group * self._group_rows)

    def _write(self, name: str, array: NDArray[Any]) -> _Array:
        stored = _Array(name, self._end, array.dtype, array.shape[1:])
        self._file.seek(self._end)
        self._file.write(np.ascontiguousarray(array).data)
        self._end += array.nbytes
        return stored

    def _read(self, stored: _Stored, start: int, rows: int, first: int) -> BucketResult:
        found = {}
        for array in stored.arrays:
            width = int(np.prod(array.row_shape, dtype=np.int64))
            self._file.seek(array.offset + start * width * array.dtype.itemsize)
            read = np.fromfile(self._file, array.dtype, rows * width)
            found[array.name] = read.reshape(rows, *array.row_shape)
        position, values = found.pop("position") - np.int32(first), found.pop("values")
        return BucketResult(stored.program, position, values, rows, found)
