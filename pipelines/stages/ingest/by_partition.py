"""Rows of any order sorted by partition, in bounded memory.

Why: a file for all time has rows of thousands of partitions, each of which is written to a file of its
    own, and neither the rows nor as many open files fit.
Promise: a partition's rows keep their order; at most a run of ``RUN_BYTES`` of rows and a row group are
    in memory; the spill is removed at the end.

Runs of rows are sorted by partition and spilled to Arrow files; a partition is written from its slices
of all runs, which are memory-mapped.
"""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.errors import ConfigError, SchemaError
from pipelines.core.masking import HIDDEN
from pipelines.core.partitions import Partitions
from pipelines.shared.tables.schema import parquet_options
from pipelines.spec import Pipeline
from pipelines.stages.ingest.day import DayWriter

RUN_BYTES = 256 << 20
DAY_US = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Numbers = NDArray[np.int64]


class PartitionSpill:
    """Rows that are collected, sorted by partition, and written to a folder a partition.

    Args:
        pipeline: Declares the table, which has an event time, and its partitions.
        folder: Where the spill is kept meanwhile.
    """

    def __init__(self, pipeline: Pipeline, folder: Path) -> None:
        self._pipeline, self._partitions = pipeline, pipeline.partitions()
        self._time = pipeline.table.time_column
        hidden = self._time in pipeline.sensitive_columns()
        self._bounds = _PartitionStarts(self._partitions, hidden=hidden)
        self._spill = tempfile.TemporaryDirectory(dir=folder, prefix=".spill-")
        self._buffer: list[pa.Table] = []
        self._bytes = 0
        self._runs: list[tuple[Path, Numbers, Numbers]] = []
        self._untimed: pq.ParquetWriter | None = None
        self._untimed_rows = 0

    def __enter__(self) -> Self:
        """Start collecting."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the spill."""
        if self._untimed is not None:
            self._untimed.close()
        self._spill.cleanup()

    def add(self, block: pa.Table) -> None:
        """Collect a block of rows; spill a run once there are enough."""
        timed = pc.is_valid(block[self._time])
        if not pc.all(timed).as_py():
            self._add_untimed(block.filter(pc.invert(timed)))
            block = block.filter(timed)
        self._buffer.append(block)
        self._bytes += block.nbytes
        if self._bytes >= RUN_BYTES:
            self._spill_run()

    def write_parts(self, out: Path) -> dict[str, int]:
        """Write each partition to ``out/ds=<key>/``; returns the number of rows by key, in order."""
        self._spill_run()
        runs = [
            (pa.ipc.open_file(pa.memory_map(str(path))).read_all(), numbers, ends)
            for path, numbers, ends in self._runs
        ]
        every = sorted({int(n) for _, numbers, _ in runs for n in numbers})
        return {self._partitions.key(n): self._write(n, runs, out) for n in every}

    def write_without_time(self, path: Path) -> int:
        """Write the rows that have no event time; returns their number, and writes nothing for none."""
        if self._untimed is not None:
            self._untimed.close()
            self._untimed_path.rename(path)
        return self._untimed_rows

    @property
    def _untimed_path(self) -> Path:
        return Path(self._spill.name) / "without-time.parquet"

    def _add_untimed(self, rows: pa.Table) -> None:
        if self._untimed is None:
            options = parquet_options(rows.schema)
            self._untimed = pq.ParquetWriter(self._untimed_path, rows.schema, **options)
        self._untimed.write_table(rows)
        self._untimed_rows += rows.num_rows

    def _spill_run(self) -> None:
        rows = pa.concat_tables(self._buffer) if self._buffer else None
        self._buffer, self._bytes = [], 0
        if rows is None or not rows.num_rows:
            return
        numbers = self._bounds.numbers(rows[self._time])
        if (numbers[1:] < numbers[:-1]).any():
            order = np.argsort(numbers, kind="stable")
            rows, numbers = rows.take(pa.array(order)), numbers[order]
        path = Path(self._spill.name) / f"{len(self._runs)}.arrow"
        with pa.ipc.new_file(str(path), rows.schema) as file:
            file.write_table(rows)
        found, starts = np.unique(numbers, return_index=True)
        self._runs.append((path, found, np.append(starts, len(numbers))))

    def _write(
        self, number: int, runs: list[tuple[pa.Table, Numbers, Numbers]], out: Path
    ) -> int:
        key = self._partitions.key(number)
        folder = out / f"ds={key}"
        folder.mkdir()
        writer = DayWriter(self._pipeline, key, folder)
        for rows in _slices(number, runs):
            writer.add(rows)
        writer.close()
        return writer.rows


def _slices(number: int, runs: list[tuple[pa.Table, Numbers, Numbers]]) -> Iterator[pa.Table]:
    for rows, numbers, bounds in runs:
        at = int(np.searchsorted(numbers, number))
        if at < len(numbers) and numbers[at] == number:
            start = int(bounds[at])
            yield rows.slice(start, int(bounds[at + 1]) - start)


class _PartitionStarts:
    """The starts of the partitions in which rows were seen, in UTC microseconds."""

    def __init__(self, partitions: Partitions, *, hidden: bool) -> None:
        self._partitions, self._hidden = partitions, hidden
        self._starts: dict[int, int] = {}
        self._days: set[int] = set()

    def numbers(self, times: pa.ChunkedArray) -> Numbers:
        """Number of the partition of each time, shape ``(n_rows,)``."""
        micros = times.cast(pa.int64()).to_numpy()
        for day in np.unique(micros // DAY_US).tolist():
            self._see(day)
        numbers = np.array(sorted(self._starts), np.int64)
        starts = np.array([self._starts[n] for n in numbers.tolist()], np.int64)
        found: Numbers = numbers[np.searchsorted(starts, micros, "right") - 1]
        return found

    def _see(self, day: int) -> None:
        """Note the starts of all partitions that have a part of a day of UTC."""
        if day in self._days:
            return
        self._days.add(day)
        of = self._partitions
        begin = EPOCH + timedelta(days=day)
        try:
            last = of.number(of.of_time(begin + timedelta(days=1, microseconds=-1)))
            for number in range(of.number(of.of_time(begin)), last + 1):
                start = of.start(of.key(number))
                self._starts[number] = (start - EPOCH) // timedelta(microseconds=1)
        except (OverflowError, ValueError, ConfigError) as error:
            raise SchemaError(
                f"A row's event time is on {HIDDEN if self._hidden else begin.date()} in UTC, which is outside the calendar of "
                f"{of.zone}. Expected a time of the years 1 to 9999. Correct the source."
            ) from error
