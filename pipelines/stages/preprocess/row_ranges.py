"""Row ranges of a day's feature table, the unit of a task, and their statistics.

Why: a day may be larger than a worker's memory, and a lost worker should cost seconds.
Promise: ranges are independent of the file's row groups, and halved only between the chunks of
    which statistics are computed; so results depend on the rows alone.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.operators import moments
from pipelines.operators.operator import Operator, State
from pipelines.operators.program import Program
from pipelines.shared.compute.splitting import Splittable
from pipelines.shared.tables.schema import GROUP_ROWS
from pipelines.shared.tables.values import read_rows

FEATURES_PART = "part-0.parquet"
# The size of a written row group: no row outside of the range is then read.
RANGE_ROWS = GROUP_ROWS


@dataclass(frozen=True, slots=True)
class RowRange:
    """Consecutive rows of a day.

    Attributes:
        day: Day.
        path: Parquet file of its feature table.
        first: Index of the first row in the day.
        rows: Number of rows.
    """

    day: str
    path: str
    first: int
    rows: int

    def halves(self) -> "list[RowRange]":
        """Divide it in two between chunks; empty if it is a single chunk."""
        head = -(-self.rows // (2 * moments.CHUNK_ROWS)) * moments.CHUNK_ROWS
        if head >= self.rows:
            return []
        tail = replace(self, first=self.first + head, rows=self.rows - head)
        return [replace(self, rows=head), tail]


@dataclass(frozen=True, slots=True)
class StatisticsTask(Splittable):
    """A row range to summarize, for which program and in which array module."""

    row_range: RowRange
    program: Program
    array_module: str

    def split(self) -> "list[StatisticsTask]":
        """Tasks of half the rows each."""
        return [replace(self, row_range=half) for half in self.row_range.halves()]

    def join(self, results: "Sequence[RangeStatistics]") -> "RangeStatistics":
        """Merge the statistics of both halves."""
        asked = self.program.statistics()
        return RangeStatistics(
            self.row_range, merged([result.states for result in results], asked)
        )


@dataclass(frozen=True, slots=True)
class RangeStatistics:
    """The statistics of a row range, by name."""

    row_range: RowRange
    states: dict[str, State]


def row_ranges_of(day: str, path: Path) -> list[RowRange]:
    """Row ranges of a day's feature table, in order; empty for a day without rows."""
    rows = pq.read_metadata(path).num_rows
    starts = range(0, rows, RANGE_ROWS)
    return [RowRange(day, str(path), first, min(RANGE_ROWS, rows - first)) for first in starts]


def merged(
    parts: Sequence[Mapping[str, State]], asked: Mapping[str, tuple[Operator, ...]]
) -> dict[str, State]:
    """Merge the statistics of consecutive parts, by name."""
    return {
        name: steps[-1].merge([states[name] for states in parts])
        for name, steps in asked.items()
    }


def columns_of(folder: Path) -> list[str]:
    """Columns of a day's published features."""
    return list(pq.read_schema(folder / FEATURES_PART).names)


def summarize(task: StatisticsTask) -> RangeStatistics:
    """Read the columns of a row range and compute their statistics."""
    xp: Any = importlib.import_module(task.array_module)
    row_range = task.row_range
    columns = read_rows(
        xp, Path(row_range.path), row_range.first, row_range.rows, task.program.kinds
    )
    return RangeStatistics(row_range, task.program.partials(xp, columns))
