"""Repeated rows of one or several columns, and the number of distinct values, on any size.

Why: a value and its copy can be in any two partitions, and all keys together fit no worker.
Promise: keys go to ranges by a hash of the value, each range is one task, and only the numbers
    of repeated rows go back, to the partition they are in; nothing passes through the driver.
    Numbers and times are their own keys. Text and several columns meet by a 64-bit hash first,
    and rows that share one are then compared by their values, so that a collision of hashes
    changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import getitem
from typing import Any

import numpy as np
import pandas as pd
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray

from pipelines.gx_dask.conditions import ConditionPart, EvidenceRequest, part_of
from pipelines.gx_dask.errors import EngineError
from pipelines.gx_dask.filters import considered
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.row_keys import Keys, is_own_key, keys_of, mixed
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Failure, Node

METRICS = ("column_values.unique.condition", "compound_columns.unique.condition")
COUNT = "column.distinct_values.count"
RANGE_ROWS = 4_000_000
MOST_RANGES = 256


@dataclass(frozen=True, slots=True, eq=False)
class KeyRange:
    """Keys of one partition in one range, and the numbers of their rows."""

    keys: Keys
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedKeys:
    """What a range found: rows whose key is not alone, how many keys are, and distinct ones."""

    rows: NDArray[np.int64]
    alone: int
    distinct: int


@dataclass(frozen=True, slots=True)
class RisingRun:
    """Whether a partition's keys rise strictly, and between which ends."""

    strict: bool
    count: int
    first: Any
    last: Any


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """One metric on one table.

    Attributes:
        ranges: Number of tasks the keys are divided among.
    """

    layout: Layout
    node: Node
    need: EvidenceRequest
    ranges: int


def ranges_for(rows: int, workers: int) -> int:
    """So many that one fits a worker, and that all workers have one."""
    return int(np.clip(-(-rows // RANGE_ROWS), min(workers, 8), MOST_RANGES))


def rising_run(node: Node, rows: Rows) -> RisingRun:
    """Look whether a partition's numbers rise: ids mostly do, and then nothing is exchanged."""
    looked = considered(node.domain, rows, skips_null=True)
    values = rows.series(node.domain["column"]).to_numpy()[looked]
    if not len(values):
        return RisingRun(True, 0, None, None)
    return RisingRun(bool((values[1:] > values[:-1]).all()), len(values), values[0], values[-1])


def all_distinct(runs: Sequence[RisingRun]) -> bool:
    """Whether the runs prove that no value occurs twice."""
    some = sorted((run for run in runs if run.count), key=lambda run: run.first)
    apart = all(left.last < right.first for left, right in pairwise(some))
    return apart and all(run.strict for run in some)


def exchange_tasks(asked: Exchange) -> list[Delayed]:
    """The graph of one metric.

    Returns:
        A task a partition, each giving its ``ConditionPart``; last one that gives the number of
        distinct values.
    """
    shared = delayed(asked, pure=False, traverse=False)
    numbers = range(len(asked.layout.partitions))
    split = [_task(_split)(shared, number) for number in numbers]
    ranges = [_task(_repeats)(shared, _each(split, r)) for r in range(asked.ranges)]
    kind = _kind(asked)
    if not is_own_key(asked.node, kind):
        again = [_task(_candidates)(shared, number, ranges) for number in numbers]
        ranges = [
            _task(_compared)(shared, ranges[r], _each(again, r)) for r in range(asked.ranges)
        ]
    looked = _each(split, -1)
    parts = [_task(_finish)(shared, number, looked[number], ranges) for number in numbers]
    return [*parts, _task(_count)(ranges)]


def _each(parts: Sequence[Delayed], index: int) -> list[Delayed]:
    return [_task(getitem)(part, index) for part in parts]


def _task(function: Callable[..., Any]) -> Callable[..., Delayed]:
    return delayed(Guarded(function), pure=False, traverse=False)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A step of a graph that returns the failure of a step before it, or its own."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> object:
        """The step's result, or a ``Failure``."""
        failed = next(filter(_is_failure, _flat(arguments)), None)
        if failed is not None:
            return failed
        try:
            return self.function(*arguments)
        except (EngineError, MemoryError):
            raise
        except Exception as error:  # one metric's failure is that metric's result
            return Failure(str(error))


def _flat(arguments: Sequence[Any]) -> Iterator[Any]:
    for given in arguments:
        yield from given if isinstance(given, list) else [given]


def _is_failure(value: object) -> bool:
    return isinstance(value, Failure)


def _kind(asked: Exchange) -> str:
    return asked.layout.kind(asked.node.columns()[0])


def _rows(asked: Exchange, number: int) -> Rows:
    return Rows(asked.layout, [asked.layout.partitions[number]])


def _split(asked: Exchange, number: int) -> list[Any]:
    """A partition's keys, one part a range, and last the number of rows with a key."""
    rows = _rows(asked, number)
    looked = considered(asked.node.domain, rows, skips_null=True)
    keys = keys_of(asked.node, rows)[looked]
    numbers = np.flatnonzero(looked) + rows.offset
    goes_to = (mixed(keys) >> np.uint64(32)) % np.uint64(asked.ranges)
    order = np.argsort(goes_to.astype(np.uint8), kind="stable")
    ends = np.cumsum(np.bincount(goes_to.astype(np.int64), minlength=asked.ranges))[:-1]
    parts = zip(np.split(keys[order], ends), np.split(numbers[order], ends), strict=True)
    return [*(KeyRange(*part) for part in parts), len(numbers)]


def _repeats(asked: Exchange, parts: Sequence[KeyRange]) -> RepeatedKeys:
    keys = np.concatenate([part.keys for part in parts])
    ordered = np.sort(keys)
    same = ordered[1:] == ordered[:-1]
    distinct = len(keys) - int(np.count_nonzero(same))
    if distinct == len(keys):
        return RepeatedKeys(np.zeros(0, dtype=np.int64), distinct, distinct)
    twice = np.unique(ordered[1:][same])
    rows = np.concatenate([part.rows for part in parts])
    index = np.minimum(np.searchsorted(twice, keys), len(twice) - 1)
    return RepeatedKeys(rows[twice[index] == keys], distinct - len(twice), distinct)


def _candidates(
    asked: Exchange, number: int, ranges: Sequence[RepeatedKeys]
) -> list[pd.DataFrame]:
    """The partition's rows that share a hash, a frame a range."""
    rows = _rows(asked, number)
    names = asked.node.columns()
    each = [_within(found.rows, rows) for found in ranges]
    if not any(map(len, each)):
        return [asked.layout.empty_frame[names]] * len(each)
    return [rows.take(repeated, names) for repeated in each]


def _within(found: NDArray[np.int64], rows: Rows) -> NDArray[np.int64]:
    """Rows of this partition, counted from its first one, rising."""
    inside = found[(found >= rows.offset) & (found < rows.offset + rows.count)]
    return np.sort(inside) - rows.offset


def _compared(
    asked: Exchange, hashed: RepeatedKeys, frames: Sequence[pd.DataFrame]
) -> RepeatedKeys:
    frame = pd.concat(frames)
    if not len(frame):
        return hashed
    broken = np.asarray(frame.duplicated(keep=False), dtype=bool)
    distinct = hashed.alone + len(frame.drop_duplicates())
    return RepeatedKeys(frame.index.to_numpy()[broken], hashed.alone, distinct)


def _finish(
    asked: Exchange, number: int, looked: int, ranges: Sequence[RepeatedKeys]
) -> ConditionPart:
    rows = _rows(asked, number)
    repeated = np.concatenate([_within(found.rows, rows) for found in ranges])
    return part_of(asked.node, np.sort(repeated), looked, rows, asked.need)


def _count(ranges: Sequence[RepeatedKeys]) -> int:
    return sum(found.distinct for found in ranges)
