"""Write a day's features as arrays that a training loop maps into memory.

Why: a training step must not parse anything, so rows are stored as it reads them: in the model's
    types, row after row.
Promise: each row range is a task, which writes its rows into the day's files; the same features
    and fit give the same bytes, whichever task ends last.
Not here: which days (``stage.py``), how a value is transformed (``pipelines/operators/``).
"""

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.operators.bfloat16 import BFLOAT16, narrowed
from pipelines.operators.program import FittedProgram
from pipelines.operators.state import read_program
from pipelines.operators.values import Words, on_host
from pipelines.shared.compute.splitting import Splittable
from pipelines.shared.tables.labels import labelled
from pipelines.shared.tables.schema import GROUP_ROWS, parquet_options
from pipelines.shared.tables.values import read_rows, table_rows
from pipelines.stages.preprocess.row_ranges import RowRange

# Row groups of the file of keys, whatever the row ranges.
KEY_ROWS = GROUP_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTask(Splittable):
    """Arguments of the task that writes one row range; it is split where memory is short.

    Attributes:
        row_range: Rows to write.
        day_rows: Rows of the whole day.
        out: Folder of the part (``train``, ``gap`` or ``test``) it belongs to.
        program: Folder of the fitted program; empty to omit the inputs (gap days).
        keys: Columns that name a row, written beside the arrays.
        label: Columns of the label.
        array_module: ``numpy`` or ``cupy``.
        labelled_only: Whether rows without a label are left out.
        weight: Column of the rows' weights; empty where all count alike.
        in_days: Whether a label above 0 is an event, rather than a label of 1.
    """

    row_range: RowRange
    day_rows: int
    out: str
    program: str
    keys: tuple[str, ...]
    label: tuple[str, ...]
    array_module: str
    labelled_only: bool = False
    weight: str = ""
    in_days: bool = False

    def split(self) -> "list[ShardTask]":
        """Tasks of half the rows each."""
        return [replace(self, row_range=half) for half in self.row_range.halves()]

    def join(self, results: "Sequence[Shard]") -> "Shard":
        """Combine the results of both halves."""
        rows, positives, unlabelled = (
            sum(getattr(result, name) for result in results)
            for name in ("rows", "positives", "unlabelled")
        )
        return Shard(self.row_range.day, Path(self.out).name, rows, positives, unlabelled)


@dataclass(frozen=True, slots=True)
class Shard:
    """The result of writing one row range: how many rows, with label 1, and read without a label."""

    day: str
    part: str
    rows: int
    positives: int
    unlabelled: int = 0


def make_files(out: Path, day: str, shapes: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
    """Create a day's array files in full size, without values.

    Args:
        out: Folder of the part.
        day: Day.
        shapes: Shape and type of each array, by name.
    """
    for name, (shape, kind) in shapes.items():
        np.lib.format.open_memmap(_path(out, day, name), "w+", np.dtype(kind), shape).flush()


def write_rows(task: ShardTask) -> Shard:
    """Write a row range into the day's arrays; the first range also writes the keys."""
    xp: Any = importlib.import_module(task.array_module)
    row_range, out = task.row_range, Path(task.out)
    fitted = _program(task.program) if task.program else None
    columns, label, weight = _read(xp, task, fitted.program.kinds if fitted else {})
    first = label if label.ndim == 1 else label[:, 0]
    known = ~np.isnan(first)
    unlabelled, at = int(np.count_nonzero(~known)), row_range.first
    if task.labelled_only:
        at = int(labelled(Path(row_range.path), task.label[0], row_range.first).sum())
        first, label, columns = first[known], label[known], _chosen(xp, columns, known)
    with _ArrayFiles(out, row_range.day, at) as files:
        files.write("y", label)
        if fitted and len(label):
            _write_inputs(xp, fitted, columns, weight, files)
    if row_range.first == 0:
        _write_keys(task, out / f"{row_range.day}-keys.parquet")
    positives = int(np.count_nonzero(first > 0 if task.in_days else first == 1))
    return Shard(row_range.day, out.name, len(label), positives, unlabelled)


def _write_inputs(
    xp: Any,
    fitted: FittedProgram,
    columns: Mapping[str, Any],
    weight: NDArray[np.float32] | None,
    files: "_ArrayFiles",
) -> None:
    """Write what the model reads of a row range, and the weights of its rows."""
    if weight is not None:
        files.write("w", weight)
    for inputs in _inputs(xp, fitted, columns):
        for name, values in inputs.items():
            files.write(name, on_host(values))


def _read(
    xp: Any, task: ShardTask, kinds: Mapping[str, str]
) -> tuple[dict[str, Any], NDArray[np.float32], NDArray[np.float32] | None]:
    """The columns of a row range, its labels, and its weights where it has some."""
    beside = [*task.label, *filter(None, [task.weight])]
    whole, every = task.row_range, {**kinds, **dict.fromkeys(beside, "number")}
    columns = read_rows(xp, Path(whole.path), whole.first, whole.rows, every)
    arrays = [on_host(columns.pop(name)).astype(np.float32) for name in beside]
    labels = arrays[: len(task.label)]
    label = labels[0] if len(labels) == 1 else np.stack(labels, axis=1)
    return columns, label, arrays[-1] if task.weight else None


def _chosen(xp: Any, columns: Mapping[str, Any], rows: NDArray[np.bool_]) -> dict[str, Any]:
    """The chosen rows of columns as operators take them."""
    chosen = xp.asarray(rows)
    return {
        name: replace(values, code=values.code[chosen])
        if isinstance(values, Words)
        else values[chosen]
        for name, values in columns.items()
    }


def _inputs(
    xp: Any, fitted: FittedProgram, columns: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The arrays of each block of rows.

    Blocks are written one by one, so each is made in memory that is still in the cache.
    """
    for found in fitted.over(xp, columns).in_turn():
        if fitted.program.x_type == BFLOAT16 and "x" in found:
            found["x"] = narrowed(xp, found["x"])
        yield found


@lru_cache(maxsize=1)
def _program(folder: str) -> FittedProgram:
    """The fitted program, read once a process: a vocabulary is too large to send with each task."""
    return read_program(Path(folder))


class _ArrayFiles(ExitStack):
    """The day's array files, opened at a row.

    Not memory maps: their dirty pages would count as this process's memory.
    """

    def __init__(self, out: Path, day: str, first: int) -> None:
        super().__init__()
        self.out, self.day, self.first = out, day, first
        self.files = dict[str, tuple[BinaryIO, np.dtype[Any]]]()

    def write(self, name: str, values: NDArray[Any]) -> None:
        """Append the next rows of an array."""
        if name not in self.files:
            self.files[name] = self._opened(_path(self.out, self.day, name))
        file, dtype = self.files[name]
        file.write(np.ascontiguousarray(values, dtype).data)

    def _opened(self, path: Path) -> tuple[BinaryIO, np.dtype[Any]]:
        file = self.enter_context(path.open("r+b"))
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        row_bytes = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        file.seek(self.first * row_bytes, os.SEEK_CUR)
        return file, dtype


def _write_keys(task: ShardTask, path: Path) -> None:
    path_of_rows = Path(task.row_range.path)
    known = labelled(path_of_rows, task.label[0]) if task.labelled_only else None
    with pq.ParquetFile(task.row_range.path) as file:
        schema = pa.schema([file.schema_arrow.field(name) for name in task.keys])
        with pq.ParquetWriter(path, schema, **parquet_options(schema)) as writer:
            for first in range(0, task.day_rows, KEY_ROWS):
                count = min(KEY_ROWS, task.day_rows - first)
                rows = table_rows(file, first, count, list(task.keys))
                if known is not None:
                    rows = rows.filter(pa.array(known[first : first + count]))
                writer.write_table(rows.select(task.keys).replace_schema_metadata(None))


def _path(out: Path, day: str, name: str) -> Path:
    return out / f"{day}-{name}.npy"
