"""Repeated rows of one or several columns, and the number of distinct values, on any size.

Why: a value and its copy can be in any two partitions, and all keys together fit no worker.
Promise: keys go to ranges by a hash of the value, each range is one task, and only the places
    of repeated rows go back, to the partition they are in; nothing passes through the driver.
    Numbers and times are their own keys. Text and several columns meet by a 64-bit hash first,
    and rows that share one are then compared by their values, so that a collision of hashes
    changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import getitem
from typing import Any

import numpy as np
import pandas as pd
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray

from pipelines.core.errors import PipelineError
from pipelines.gx_dask.conditions import Need, Part, part_of
from pipelines.gx_dask.filters import considered
from pipelines.gx_dask.kernels import coded_of
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Failure, Node
from pipelines.operators.hashing import mix

METRICS = ("column_values.unique.condition", "compound_columns.unique.condition")
COUNT = "column.distinct_values.count"
RANGE_ROWS = 4_000_000
MOST_RANGES = 256
NULL_KEY = np.uint64(0x9E3779B97F4A7C15)

Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Keys of one partition in one range, and the numbers of their rows."""

    keys: Keys
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """What a range found: rows whose key is not alone, how many keys are, and distinct ones."""

    rows: NDArray[np.int64]
    alone: int
    distinct: int


@dataclass(frozen=True, slots=True)
class Run:
    """Whether a partition's keys rise strictly, and between which ends."""

    strict: bool
    count: int
    first: Any
    last: Any


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One metric on one table.

    Attributes:
        ranges: Number of tasks the keys are divided among.
    """

    layout: Layout
    node: Node
    need: Need
    ranges: int


def ranges_for(rows: int, workers: int) -> int:
    """So many that one fits a worker, and that all workers have one."""
    return int(np.clip(-(-rows // RANGE_ROWS), min(workers, 8), MOST_RANGES))


def is_own_key(node: Node, kind: str) -> bool:
    """Whether values are compared as 64-bit integers without hashing."""
    return "column" in node.domain and kind in "iufMm"


def rising_run(node: Node, rows: Rows) -> Run:
    """Look whether a partition's numbers rise: ids mostly do, and then nothing is exchanged."""
    looked = considered(node.domain, rows, skips_null=True)
    values = rows.series(node.domain["column"]).to_numpy()[looked]
    if not len(values):
        return Run(True, 0, None, None)
    return Run(bool((values[1:] > values[:-1]).all()), len(values), values[0], values[-1])


def all_distinct(runs: Sequence[Run]) -> bool:
    """Whether the runs prove that no value occurs twice."""
    some = sorted((run for run in runs if run.count), key=lambda run: run.first)
    apart = all(left.last < right.first for left, right in pairwise(some))
    return apart and all(run.strict for run in some)


def exchange(task: Task) -> tuple[list[Delayed], Delayed]:
    """The graph of one metric.

    Returns:
        A task a partition, each giving its ``Part``; and one giving the number of distinct
        values.
    """
    shared = delayed(task, pure=False, traverse=False)
    numbers = range(len(task.layout.partitions))
    split = [_task(_split)(shared, number) for number in numbers]
    ranges = [_task(_repeats)(shared, _piece(split, r)) for r in range(task.ranges)]
    kind = _kind(task)
    if not is_own_key(task.node, kind):
        again = [_task(_candidates)(shared, number, ranges) for number in numbers]
        ranges = [
            _task(_compared)(shared, ranges[r], _piece(again, r)) for r in range(task.ranges)
        ]
    looked = _piece(split, -1)
    parts = [_task(_finish)(shared, number, looked[number], ranges) for number in numbers]
    return parts, _task(_count)(ranges)


def _piece(parts: Sequence[Delayed], place: int) -> list[Delayed]:
    return [_task(getitem)(part, place) for part in parts]


def _task(function: Any) -> Any:
    return delayed(Guarded(function), pure=False, traverse=False)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A step of a graph that hands on the failure of a step before it, or its own."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """The step's result, or a ``Failure``."""
        each = [
            a for given in arguments for a in (given if isinstance(given, list) else [given])
        ]
        failed = next((a for a in each if isinstance(a, Failure)), None)
        if failed is not None:
            return failed
        try:
            return self.function(*arguments)
        except (PipelineError, MemoryError):
            raise
        except Exception as error:  # one metric's failure is that metric's result
            return Failure(str(error))


def _kind(task: Task) -> str:
    return task.layout.kind(task.node.columns()[0])


def _rows(task: Task, number: int) -> Rows:
    return Rows(task.layout, [task.layout.partitions[number]])


def _split(task: Task, number: int) -> list[Any]:
    """A partition's pieces, one a range, and last the number of judged rows."""
    rows = _rows(task, number)
    looked = considered(task.node.domain, rows, skips_null=True)
    keys = _keys(task, rows)[looked]
    places = np.flatnonzero(looked) + rows.offset
    goes_to = (mix(np, keys) >> np.uint64(32)) % np.uint64(task.ranges)
    order = np.argsort(goes_to.astype(np.uint8), kind="stable")
    ends = np.cumsum(np.bincount(goes_to.astype(np.int64), minlength=task.ranges))[:-1]
    pieces = zip(np.split(keys[order], ends), np.split(places[order], ends), strict=True)
    return [*(Piece(*piece) for piece in pieces), len(places)]


def _keys(task: Task, rows: Rows) -> Keys:
    names = task.node.columns()
    if is_own_key(task.node, _kind(task)):
        return _as_integers(rows.series(names[0]))
    keys = np.zeros(rows.count, dtype=np.uint64)
    for name in names:
        keys = mix(np, keys * np.uint64(31) ^ _hashes(name, rows))
    return keys


def _as_integers(values: pd.Series) -> Keys:
    array = values.to_numpy()
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        array = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    if array.dtype.kind == "f":
        return (array.astype(np.float64) + 0.0).view(np.uint64)  # -0.0 equals 0.0
    if array.dtype.kind in "Mm":
        return array.view(np.uint64)
    return array.astype(np.int64).view(np.uint64)


def _hashes(name: str, rows: Rows) -> Keys:
    series = rows.series_kind(name)
    if series in "iufMm":
        hashed = mix(np, _as_integers(rows.series(name)))
        hashed[~rows.valid(name)] = NULL_KEY
        return hashed
    coded = coded_of(name, rows)
    each = pd.util.hash_pandas_object(coded.values, index=False, categorize=False).to_numpy()
    return np.append(each, NULL_KEY)[coded.codes]


def _repeats(task: Task, pieces: Sequence[Piece]) -> Repeats:
    keys = np.concatenate([piece.keys for piece in pieces])
    ordered = np.sort(keys)
    same = ordered[1:] == ordered[:-1]
    distinct = len(keys) - int(np.count_nonzero(same))
    if distinct == len(keys):
        return Repeats(np.zeros(0, dtype=np.int64), distinct, distinct)
    twice = np.unique(ordered[1:][same])
    rows = np.concatenate([piece.rows for piece in pieces])
    place = np.minimum(np.searchsorted(twice, keys), len(twice) - 1)
    return Repeats(rows[twice[place] == keys], distinct - len(twice), distinct)


def _candidates(task: Task, number: int, ranges: Sequence[Repeats]) -> list[pd.DataFrame]:
    """The partition's rows that share a hash, a frame a range."""
    rows = _rows(task, number)
    names = task.node.columns()
    each = [_within(found.rows, rows) for found in ranges]
    if not any(len(places) for places in each):
        return [task.layout.empty_frame[names]] * len(each)
    return [rows.take(places, names) for places in each]


def _within(found: NDArray[np.int64], rows: Rows) -> NDArray[np.int64]:
    """Rows of this partition, as places in it, rising."""
    inside = found[(found >= rows.offset) & (found < rows.offset + rows.count)]
    return np.sort(inside) - rows.offset


def _compared(task: Task, hashed: Repeats, frames: Sequence[pd.DataFrame]) -> Repeats:
    frame = pd.concat(frames)
    if not len(frame):
        return hashed
    broken = np.asarray(frame.duplicated(keep=False), dtype=bool)
    distinct = hashed.alone + len(frame.drop_duplicates())
    return Repeats(frame.index.to_numpy()[broken], hashed.alone, distinct)


def _finish(task: Task, number: int, looked: int, ranges: Sequence[Repeats]) -> Part:
    rows = _rows(task, number)
    places = np.concatenate([_within(found.rows, rows) for found in ranges])
    return part_of(task.node, np.sort(places), looked, rows, task.need)


def _count(ranges: Sequence[Repeats]) -> int:
    return sum(found.distinct for found in ranges)
