"""One task of the feature program: the windows of one entity's rows in one hash bucket.

Why: row group b of every history file holds bucket b, so a task reads its rows and no others,
    and a lost worker costs one bucket.
Promise: which rows a task returns depends on the day's own file alone; the files of the
    look-back only fill their windows.
"""

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.errors import ArtifactError
from pipelines.features.program import EntityProgram
from pipelines.features.timeline import timeline
from pipelines.features.windows import block_on, windows_on
from pipelines.operators.values import on_host
from pipelines.tables.history import ENTITY, POSITION, TIME_S
from pipelines.tables.reading import Columns, Reader, reader_of


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """One day's history of an entity.

    Attributes:
        path: Where it is.
        back: How many days before the day that is made.
    """

    path: str
    back: int


@dataclass(frozen=True, slots=True)
class BucketTask:
    """What one task is told.

    Attributes:
        program: What to compute.
        bucket: Row group to read.
        earlier: Histories of the look-back, oldest first.
        own: History file of the day itself.
        array_module: ``numpy`` or ``cupy``.
    """

    program: EntityProgram
    bucket: int
    earlier: tuple[HistoryFile, ...]
    own: str
    array_module: str


@dataclass(frozen=True, slots=True)
class BucketResult:
    """What one task found.

    Attributes:
        entity: Whose windows they are.
        position: Rows of the day's table, int32, shape ``(n_rows,)``.
        values: float64, shape ``(n_rows, n_outputs)``, in the order of the program's names.
        rows_read: Rows that were read for it.
        blocks: By name: float32 ``(n_rows, K * F)`` of each sequence, int32 ``(n_rows,)`` of its
            length.
    """

    entity: str
    position: NDArray[np.int32]
    values: NDArray[np.float64]
    rows_read: int
    blocks: dict[str, NDArray[Any]] = field(default_factory=dict)


def run_bucket(task: BucketTask) -> BucketResult:
    """Read one bucket of every day, and compute the windows of the day's own rows."""
    program, read = task.program, reader_of(task.array_module)
    names = [ENTITY, TIME_S, *program.columns()]
    own = read(Path(task.own), task.bucket, [*names, POSITION])
    position = on_host(own.pop(POSITION)).astype(np.int32, copy=False)
    if not len(position):
        # Nobody asks, so nothing needs to be read.
        return BucketResult(program.entity, position, np.empty((0, len(program.names()))), 0)
    xp = importlib.import_module(task.array_module)
    days = [*(_read_day(xp, read, task, day, own) for day in task.earlier), own]
    columns = {name: xp.concatenate([day[name] for day in days]) for name in names}
    entity, time_s = columns.pop(ENTITY), columns.pop(TIME_S)
    line = timeline(xp, entity, time_s, len(position), program.reach_s())
    values = on_host(windows_on(line, program, columns))
    blocks: dict[str, NDArray[Any]] = {}
    for events in program.sequences:
        block = block_on(line, events, columns)
        blocks |= zip(events.names, (on_host(block.steps), on_host(block.length)), strict=True)
    return BucketResult(program.entity, position, values, len(entity), blocks)


def require_buckets(paths: list[Path], buckets: int) -> None:
    """Check that every history file has a row group for each bucket.

    Raises:
        ArtifactError: One was written with another number of buckets.
    """
    for path in paths:
        found = pq.read_metadata(path).num_row_groups
        if found != buckets:
            raise ArtifactError(
                f"{path}: {found} buckets, but the pipeline declares {buckets}. "
                "Run validate for that day again, or set buckets back."
            )


def _read_day(
    xp: Any, read: Reader, task: BucketTask, day: HistoryFile, own: Columns
) -> Columns:
    """The columns that a window reaches on that day; the others are zeros that no window sees."""
    wanted = (ENTITY, TIME_S, *task.program.columns(day.back))
    found = read(Path(day.path), task.bucket, wanted)
    unread = (name for name in own if name not in wanted)
    rows = len(found[ENTITY])
    return found | {name: xp.zeros(rows, dtype=own[name].dtype) for name in unread}
