"""Turning a day's features into arrays that a training loop maps into memory.

Why: a step of training must cost no parsing, so rows lie as it reads them: in the model's own
    types, row after row.
Promise: a piece of a day is a task of its own, which writes its place in the day's files; the
    same features and fit give the same bytes, whichever task comes last.
Not here: which days (``stage.py``), what is done with a value (``pipelines/operators/``).
"""

import importlib
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
from pipelines.operators.values import on_host
from pipelines.shared.compute.splitting import Splittable
from pipelines.shared.tables.schema import GROUP_ROWS, parquet_options
from pipelines.shared.tables.values import read_rows, table_rows
from pipelines.stages.preprocess.row_ranges import Piece

# Whatever the pieces, the keys' file has the row groups of any other table.
KEY_ROWS = GROUP_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTask(Splittable):
    """What the task of one piece is told; where memory is short, two write half of it each.

    Attributes:
        piece: Which rows.
        day_rows: Rows of the whole day.
        out: Folder of the part (``train``, ``gap`` or ``test``) it belongs to.
        program: Folder of the fitted program; empty to leave the inputs out (gap days).
        keys: Columns that name a row, written beside the arrays.
        label: Label column.
        array_module: ``numpy`` or ``cupy``.
    """

    piece: Piece
    day_rows: int
    out: str
    program: str
    keys: tuple[str, ...]
    label: str
    array_module: str

    def split(self) -> "list[ShardTask]":
        """Tasks of half the rows each."""
        return [replace(self, piece=half) for half in self.piece.halves()]

    def join(self, results: "Sequence[Shard]") -> "Shard":
        """Their shares as one."""
        positives = sum(result.positives for result in results)
        return Shard(self.piece.day, Path(self.out).name, self.piece.rows, positives)


@dataclass(frozen=True, slots=True)
class Shard:
    """One piece's share of a day's arrays."""

    day: str
    part: str
    rows: int
    positives: int


def make_files(out: Path, day: str, shapes: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
    """Make a day's arrays, of their whole size and with nothing in them yet.

    Args:
        out: Folder of the part.
        day: Day.
        shapes: Shape and type of each array, by name.
    """
    for name, (shape, kind) in shapes.items():
        np.lib.format.open_memmap(_path(out, day, name), "w+", np.dtype(kind), shape).flush()


def write_piece(task: ShardTask) -> Shard:
    """Write one piece's rows into the day's arrays; the first one writes the keys as well."""
    xp: Any = importlib.import_module(task.array_module)
    piece, out = task.piece, Path(task.out)
    fitted = _program(task.program) if task.program else None
    kinds = {**(fitted.program.kinds if fitted else {}), task.label: "number"}
    columns = read_rows(xp, Path(piece.path), piece.first, piece.rows, kinds)
    label = on_host(columns.pop(task.label)).astype(np.float32)
    with _Places(out, piece) as places:
        places.write("y", label)
        for inputs in _inputs(xp, fitted, columns) if fitted else ():
            for name, values in inputs.items():
                places.write(name, on_host(values))
    if piece.first == 0:
        _write_keys(task, out / f"{piece.day}-keys.parquet")
    return Shard(piece.day, out.name, piece.rows, int(np.count_nonzero(label == 1)))


def _inputs(
    xp: Any, fitted: FittedProgram, columns: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The arrays of each block of the piece's rows.

    Written one by one, they are made in memory that is still in the cache.
    """
    for found in fitted.over(xp, columns).in_turn():
        if fitted.program.x_type == BFLOAT16 and "x" in found:
            found["x"] = narrowed(xp, found["x"])
        yield found


@lru_cache(maxsize=1)
def _program(folder: str) -> FittedProgram:
    """The fitted program, read once a process: a vocabulary is too large to send with a task."""
    return read_program(Path(folder))


class _Places(ExitStack):
    """A piece's places in the day's array files, filled from its first row on.

    Not through a memory map: its dirty pages would count as this process's memory.
    """

    def __init__(self, out: Path, piece: Piece) -> None:
        super().__init__()
        self.out, self.piece = out, piece
        self.files = dict[str, tuple[BinaryIO, np.dtype[Any]]]()

    def write(self, name: str, values: NDArray[Any]) -> None:
        """The next rows of an array."""
        if name not in self.files:
            self.files[name] = self._opened(_path(self.out, self.piece.day, name))
        file, dtype = self.files[name]
        file.write(np.ascontiguousarray(values, dtype).data)

    def _opened(self, path: Path) -> tuple[BinaryIO, np.dtype[Any]]:
        file = self.enter_context(path.open("r+b"))
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        row_bytes = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        file.seek(file.tell() + self.piece.first * row_bytes)
        return file, dtype


def _write_keys(task: ShardTask, path: Path) -> None:
    with pq.ParquetFile(task.piece.path) as file:
        schema = pa.schema([file.schema_arrow.field(name) for name in task.keys])
        with pq.ParquetWriter(path, schema, **parquet_options(schema)) as writer:
            for first in range(0, task.day_rows, KEY_ROWS):
                count = min(KEY_ROWS, task.day_rows - first)
                rows = table_rows(file, first, count, list(task.keys))
                writer.write_table(rows.select(task.keys).replace_schema_metadata(None))


def _path(out: Path, day: str, name: str) -> Path:
    return out / f"{day}-{name}.npy"
