"""One task of the feature program: the windows of one entity's rows in one hash bucket.

Why: row group b of every history file holds bucket b, so a task reads its rows and no others,
    and a lost worker costs one bucket.
Promise: which rows a task returns depends on the day's own file alone; the files of the
    look-back only fill their windows.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.errors import ArtifactError
from pipelines.operators.hashing import hash_wholes
from pipelines.operators.values import on_host
from pipelines.protocol import VALIDATED, stage_of
from pipelines.shared.compute.splitting import Splittable
from pipelines.shared.tables.history import CHECK, ENTITY, KNOWN, POSITION, TIME_S, UNTIL
from pipelines.shared.tables.reading import Columns, Reader, reader_of
from pipelines.stages.featurize.entity_codes import entity_codes
from pipelines.stages.featurize.entity_program import EntityProgram
from pipelines.stages.featurize.timeline import timeline
from pipelines.stages.featurize.views import View, views
from pipelines.stages.featurize.windows import block_on, windows_on


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
class BucketTask(Splittable):
    """What one task is given; where memory is short, it becomes two of half the entities each.

    Attributes:
        program: What to compute.
        bucket: Row group to read.
        earlier: Histories of the look-back, oldest first.
        own: History file of the day itself.
        array_module: ``numpy`` or ``cupy``.
        versioned: Whether the histories say when each row was known.
        buckets: How many buckets a history has, where ``share`` is less than all.
        share: ``(nth, of)``: the entities of the bucket that are its own.
    """

    program: EntityProgram
    bucket: int
    earlier: tuple[HistoryFile, ...]
    own: str
    array_module: str
    versioned: bool = False
    buckets: int = 1
    share: tuple[int, int] = (0, 1)

    def split(self) -> "tuple[BucketTask, BucketTask]":
        """Two tasks of half the entities each."""
        nth, of = self.share
        return replace(self, share=(nth, 2 * of)), replace(self, share=(nth + of, 2 * of))

    def join(self, results: Sequence[Any]) -> "BucketResult":
        """Their results as one."""
        return _together(results, sum(result.rows_read for result in results))


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
    program, read = task.program, _reading(task)
    names = [*_always(task), *program.columns()]
    own = read(Path(task.own), task.bucket, [*names, POSITION])
    position = on_host(own.pop(POSITION)).astype(np.int32, copy=False)
    if not len(position):
        # Nobody asks, so nothing needs to be read.
        return BucketResult(program.entity, position, np.empty((0, len(program.names()))), 0)
    xp = importlib.import_module(task.array_module)
    days = [*(_read_day(xp, read, task, day, own) for day in task.earlier), own]
    columns = {name: xp.concatenate([day[name] for day in days]) for name in names}
    if program.hashed:
        columns[ENTITY] = entity_codes(xp, columns[ENTITY], columns.pop(CHECK))
    n_rows = len(columns[ENTITY])
    found = [
        _seen_by(xp, program, view, position[view.own - (n_rows - len(position))])
        for view in views(xp, columns, len(position))
    ]
    return _together(found, n_rows)


def _reading(task: BucketTask) -> Reader:
    """Reads all rows of a bucket, or those of the task's share of its entities."""
    read, (nth, of) = reader_of(task.array_module), task.share
    if of == 1:
        return read
    xp = importlib.import_module(task.array_module)

    def read_share(path: Path, bucket: int, columns: Sequence[str]) -> Columns:
        rows = read(path, bucket, columns)
        among = hash_wholes(xp, xp.asarray(rows[ENTITY])) // xp.uint64(task.buckets)
        mine = among % xp.uint64(of) == nth
        on = {
            name: on_host(mine) if isinstance(v, np.ndarray) else mine
            for name, v in rows.items()
        }
        return {name: values[on[name]] for name, values in rows.items()}

    return read_share


def _always(task: BucketTask) -> tuple[str, ...]:
    check = (CHECK,) if task.program.hashed else ()
    return (ENTITY, *check, TIME_S, *((KNOWN, UNTIL) if task.versioned else ()))


def _seen_by(
    xp: Any, program: EntityProgram, view: View, position: NDArray[np.int32]
) -> BucketResult:
    columns = view.columns
    line = timeline(
        xp, columns[ENTITY], columns[TIME_S], len(position), program.reach_s(), view.asks
    )
    values, blocks = on_host(windows_on(line, program, columns)), dict[str, NDArray[Any]]()
    for events in program.sequences:
        block = block_on(line, events, columns)
        blocks |= zip(events.names, (on_host(block.steps), on_host(block.length)), strict=True)
    return BucketResult(program.entity, position, values, 0, blocks)


def _together(found: Sequence[BucketResult], rows_read: int) -> BucketResult:
    """Results of views, or of shares, as one; those of nobody hold nothing."""
    found = [result for result in found if len(result.position)] or [*found[:1]]
    first, *more = found
    if not more:
        return replace(first, rows_read=rows_read)
    blocks = {n: np.concatenate([each.blocks[n] for each in found]) for n in first.blocks}
    position = np.concatenate([each.position for each in found])
    values = np.concatenate([each.values for each in found])
    return BucketResult(first.entity, position, values, rows_read, blocks)


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
                f"Run {stage_of(VALIDATED).name} for that day again, or set buckets back."
            )


def _read_day(
    xp: Any, read: Reader, task: BucketTask, day: HistoryFile, own: Columns
) -> Columns:
    """The columns that a window reaches on that day; the others are zeros that no window sees."""
    wanted = (*_always(task), *task.program.columns(day.back))
    found = read(Path(day.path), task.bucket, wanted)
    unread = (name for name in own if name not in wanted)
    rows = len(found[ENTITY])
    return found | {name: xp.zeros(rows, dtype=own[name].dtype) for name in unread}
