"""One task of the feature program: the windows of one entity's rows in one hash bucket.

Why: row group b of every history file holds bucket b, so a task reads its rows and no others,
    and a lost worker costs one bucket.
Promise: which rows a task returns depends on the partition's own file alone; the files of the
    look-back, and of other tables, only fill their windows.
"""

import importlib
from collections.abc import Iterable, Sequence
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
from pipelines.stages.featurize.entity_program import (
    EntityProgram,
    EventSequence,
    Separation,
    VisitSequence,
)
from pipelines.stages.featurize.timeline import Timeline, timeline, timeline_of_others
from pipelines.stages.featurize.views import views, views_of_others
from pipelines.stages.featurize.visits import visits_on
from pipelines.stages.featurize.windows import SequenceArrays, block_on, windows_on


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """One partition's history of an entity.

    Attributes:
        path: Where it is.
        distance: From its rows to those of the partition that is made.
    """

    path: str
    distance: Separation


@dataclass(frozen=True, slots=True)
class BucketTask(Splittable):
    """What one task is given; where memory is short, it becomes two of half the entities each.

    Attributes:
        program: What to compute.
        bucket: Row group to read.
        earlier: Histories that its windows reach, oldest first.
        own: History file of the partition itself.
        array_module: ``numpy`` or ``cupy``.
        versioned: Whether the partition's own history says when each row was known.
        others_versioned: Whether those of the program's other table say so.
        known_by: The day, counted from 1970, by whose end rows of another table must have been known,
            where the partition's own rows do not say when they were.
        buckets: How many buckets a history has, where ``share`` is less than all.
        share: ``(nth, of)``: the entities of the bucket that are its own.
    """

    program: EntityProgram
    bucket: int
    earlier: tuple[HistoryFile, ...]
    own: str
    array_module: str
    versioned: bool = False
    others_versioned: bool = False
    known_by: int = 0
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
        program: Name of the program whose windows they are.
        position: Rows of the partition's table, int32, shape ``(n_rows,)``.
        values: float64, shape ``(n_rows, n_outputs)``, in the order of the program's names.
        rows_read: Rows that were read for it.
        blocks: By name: float32 ``(n_rows, K * F)`` of each sequence, int32 ``(n_rows,)`` of its
            length.
    """

    program: str
    position: NDArray[np.int32]
    values: NDArray[np.float64]
    rows_read: int
    blocks: dict[str, NDArray[Any]] = field(default_factory=dict)


def run_bucket(task: BucketTask) -> BucketResult:
    """Read one bucket of every partition, and compute the windows of the partition's own rows."""
    program, read = task.program, _reading(task)
    of_rows = program.columns() if program.table is None else ()
    own = read(
        Path(task.own),
        task.bucket,
        [*_always(program, versioned=task.versioned), *of_rows, POSITION],
    )
    position = on_host(own.pop(POSITION)).astype(np.int32, copy=False)
    if not len(position):
        # Nobody asks, so nothing needs to be read.
        return BucketResult(program.name, position, np.empty((0, len(program.names()))), 0)
    xp = importlib.import_module(task.array_module)
    if program.table is None:
        return _over_own_table(xp, task, read, own, position)
    return _over_other_table(xp, task, read, own, position)


def _over_own_table(
    xp: Any, task: BucketTask, read: Reader, own: Columns, position: NDArray[np.int32]
) -> BucketResult:
    program = task.program
    always = _always(program, versioned=task.versioned)
    files = [_read_file(xp, read, task, file, always) for file in task.earlier]
    columns = _concatenated(xp, [*files, own], [*always, *program.columns()])
    if program.hashed:
        columns[ENTITY] = entity_codes(xp, columns[ENTITY], columns.pop(CHECK))
    n_rows, found = len(columns[ENTITY]), []
    for view in views(xp, columns, len(position)):
        at = position[view.own - (n_rows - len(position))]
        seen, reach_s = view.columns, program.reach_s()
        line = timeline(xp, seen[ENTITY], seen[TIME_S], len(at), reach_s, view.asks)
        found.append(_asked(line, program, seen, at))
    return _together(found, n_rows)


def _over_other_table(
    xp: Any, task: BucketTask, read: Reader, own: Columns, position: NDArray[np.int32]
) -> BucketResult:
    program = task.program
    always = _always(program, versioned=task.others_versioned)
    nothing = {name: xp.zeros(0, dtype=xp.int64) for name in (*always, *program.columns())}
    files = [_read_file(xp, read, task, file, always) for file in task.earlier]
    columns = _concatenated(xp, files or [nothing], nothing)
    if program.hashed:
        both = (xp.concatenate([columns.pop(n), own.pop(n)]) for n in (ENTITY, CHECK))
        codes = entity_codes(xp, *both)
        columns[ENTITY], own[ENTITY] = codes[: -len(position)], codes[-len(position) :]
    found = []
    for view in views_of_others(xp, columns, own, task.known_by):
        asked = tuple(own[name][xp.asarray(view.own)] for name in (ENTITY, TIME_S))
        rows = (view.columns[ENTITY], view.columns[TIME_S])
        line = timeline_of_others(xp, rows, asked, program.reach_s())
        found.append(_asked(line, program, view.columns, position[view.own]))
    return _together(found, len(columns[ENTITY]) + len(position))


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


def _always(program: EntityProgram, *, versioned: bool) -> tuple[str, ...]:
    check = (CHECK,) if program.hashed else ()
    return (ENTITY, *check, TIME_S, *((KNOWN, UNTIL) if versioned else ()))


def _concatenated(xp: Any, files: Sequence[Columns], names: Iterable[str]) -> Columns:
    return {name: xp.concatenate([file[name] for file in files]) for name in names}


def _asked(
    line: Timeline, program: EntityProgram, columns: Columns, position: NDArray[np.int32]
) -> BucketResult:
    values, blocks = on_host(windows_on(line, program, columns)), dict[str, NDArray[Any]]()
    for events in program.sequences:
        block = _block(line, events, columns)
        blocks |= zip(events.names, (on_host(block.steps), on_host(block.length)), strict=True)
    return BucketResult(program.name, position, values, 0, blocks)


def _block(
    line: Timeline, events: EventSequence | VisitSequence, columns: Columns
) -> SequenceArrays:
    if isinstance(events, VisitSequence):
        return visits_on(line, events, columns)
    return block_on(line, events, columns)


def _together(found: Sequence[BucketResult], rows_read: int) -> BucketResult:
    """Results of views, or of shares, as one; those of nobody hold nothing."""
    found = [result for result in found if len(result.position)] or [*found[:1]]
    first, *more = found
    if not more:
        return replace(first, rows_read=rows_read)
    blocks = {n: np.concatenate([each.blocks[n] for each in found]) for n in first.blocks}
    position = np.concatenate([each.position for each in found])
    values = np.concatenate([each.values for each in found])
    return BucketResult(first.program, position, values, rows_read, blocks)


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
                f"Run {stage_of(VALIDATED).name} for that partition again, or set buckets back."
            )


def _read_file(
    xp: Any, read: Reader, task: BucketTask, file: HistoryFile, always: Sequence[str]
) -> Columns:
    """The columns that a window reaches in a file; the others are zeros that no window sees."""
    wanted = task.program.columns(file.distance)
    found = read(Path(file.path), task.bucket, (*always, *wanted))
    unread = (name for name in task.program.columns() if name not in wanted)
    rows = len(found[ENTITY])
    return found | {name: xp.zeros(rows, dtype=xp.int64) for name in unread}
