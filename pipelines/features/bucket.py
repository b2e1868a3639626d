"""One task of the feature program: the windows of one entity's rows in one hash bucket.

Why: row group b of every history file holds bucket b, so a task reads its rows and no others,
    and a lost worker costs one bucket.
Promise: which rows a task returns depends on the day's own file alone; the files of the
    look-back only fill their windows.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.errors import ArtifactError
from pipelines.features.program import EntityProgram
from pipelines.features.windows import trailing
from pipelines.tables.history import ENTITY, POSITION, TIME_S, read_bucket


@dataclass(frozen=True, slots=True)
class BucketTask:
    """What one task is told.

    Attributes:
        program: What to compute.
        bucket: Row group to read.
        earlier: History files of the look-back, oldest first.
        own: History file of the day itself.
        array_module: ``numpy`` or ``cupy``.
    """

    program: EntityProgram
    bucket: int
    earlier: tuple[str, ...]
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
    """

    entity: str
    position: NDArray[np.int32]
    values: NDArray[np.float64]
    rows_read: int


def run_bucket(task: BucketTask) -> BucketResult:
    """Read one bucket of every day, and compute the windows of the day's own rows."""
    names = [ENTITY, TIME_S, *task.program.columns()]
    own = read_bucket(Path(task.own), task.bucket, [*names, POSITION])
    position = own.pop(POSITION).astype(np.int32, copy=False)
    if not len(position):
        # Nobody asks, so nothing needs to be read.
        nothing = np.empty((0, len(task.program.names())))
        return BucketResult(task.program.entity, position, nothing, 0)
    days = [read_bucket(Path(path), task.bucket, names) for path in task.earlier]
    xp = importlib.import_module(task.array_module)
    columns = {name: _joined(xp, [day[name] for day in (*days, own)]) for name in names}
    entity, time_s = columns.pop(ENTITY), columns.pop(TIME_S)
    values = trailing(xp, task.program, columns, entity, time_s, len(position))
    return BucketResult(task.program.entity, position, _on_host(values), len(entity))


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


def _joined(xp: Any, arrays: list[NDArray[np.generic]]) -> Any:
    # A day with nulls brings floats; whole numbers stay exact in them below 2**53.
    return xp.asarray(np.concatenate(arrays))


def _on_host(values: Any) -> NDArray[np.float64]:
    return values.get() if hasattr(values, "get") else values
