"""Exact quantiles of a column in two passes.

Why: sorting a whole column needs all of it in one process; the two values around a rank do not.
Promise: the first pass sketches each partition; the second fetches only the values that can be
    at the wanted ranks. The result is the order statistic itself, not an estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from great_expectations.expectations.metrics.column_aggregate_metrics import (
    column_outlier_statistics as outliers,
)
from numpy.typing import NDArray

from pipelines.gx_dask.aggregates import on_column
from pipelines.gx_dask.moments import Moments, merged_moments, values_of
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Node

SKETCH = 4096
HALF = 0.5
INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")
METRICS = ("column.median", "column.quantile_values", "column.outlier_statistics")


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """Some of a partition's sorted values with their ranks; all of them if they are few."""

    count: int
    ranks: NDArray[np.int64]
    values: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Values between two ends: how many lie below, and each distinct one with its count."""

    below: int
    values: NDArray[Any]
    counts: NDArray[np.int64]


def applies(node: Node, kind: str) -> bool:
    """Whether the metric is answered here, on a column of that type."""
    if node.name not in METRICS or kind not in "iuf":
        return False
    if node.name == "column.quantile_values":
        return (node.value.get("allow_relative_error") or "nearest") in INTERPOLATIONS
    return node.name != "column.outlier_statistics" or _by_quartiles(node)


def _by_quartiles(node: Node) -> bool:
    return node.value.get("method") == outliers.IQR_METHOD


def sketch(node: Node, rows: Rows) -> Sketch:
    """Look at one partition."""
    ordered = np.sort(values_of(node, rows).to_numpy())
    count = len(ordered)
    if not count:
        return Sketch(0, np.zeros(0, dtype=np.int64), ordered)
    ranks = np.unique(np.linspace(0, count - 1, min(count, SKETCH)).astype(np.int64))
    return Sketch(count, ranks, ordered[ranks])


def wanted_ranks(node: Node, count: int) -> NDArray[np.int64]:
    """Ranks, from 0, of the values that the metric is made of, rising."""
    positions = _positions(node, count)
    return np.unique(np.concatenate([np.floor(positions), np.ceil(positions)])).astype(np.int64)


def _positions(node: Node, count: int) -> NDArray[np.float64]:
    """Where quantiles lie between ranks, rounded as NumPy's percentiles are."""
    shares = np.asarray(_shares(node), dtype=np.float64)
    return (count - 1) * np.true_divide(shares * 100, 100)


def _shares(node: Node) -> Sequence[float]:
    if node.name == "column.quantile_values":
        return list(node.value["quantiles"])
    return [0.25, 0.75] if node.name == "column.outlier_statistics" else [0.5]


def brackets(parts: Sequence[Sketch], ranks: NDArray[np.int64]) -> list[tuple[Any, Any]]:
    """The least and the greatest value that can be at each rank."""
    some = [part for part in parts if part.count]
    seen = np.unique(np.concatenate([part.values for part in some]))
    after = [np.searchsorted(part.values, seen, "right") for part in some]
    least = sum(np.r_[0, p.ranks + 1][j] for p, j in zip(some, after, strict=True))
    most = sum(np.r_[p.ranks, p.count][j] for p, j in zip(some, after, strict=True))
    low = np.maximum(np.searchsorted(most, ranks, "right") - 1, 0)
    high = np.searchsorted(least, np.asarray(ranks) + 1)
    return list(zip(seen[low], seen[high], strict=True))


def slices(node: Node, rows: Rows, ends: Sequence[tuple[Any, Any]]) -> list[Slice]:
    """One partition's values inside each bracket."""
    values = values_of(node, rows).to_numpy()
    found = []
    for low, high in ends:
        inside = values[(values >= low) & (values <= high)]
        distinct, counts = np.unique(inside, return_counts=True)
        found.append(Slice(int(np.count_nonzero(values < low)), distinct, counts))
    return found


def values_at(ranks: NDArray[np.int64], parts: Sequence[Sequence[Slice]]) -> dict[int, Any]:
    """The value at each rank, from every partition's slices, one a rank."""
    each = zip(ranks.tolist(), zip(*parts, strict=True), strict=True)
    return {rank: pick(rank, slices) for rank, slices in each}


def pick(rank: int, parts: Sequence[Slice]) -> np.number:
    """The value at a rank, from all partitions' slices of its bracket."""
    values = np.concatenate([part.values for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[order]) + sum(part.below for part in parts)
    return values[order][np.searchsorted(reached, rank, "right")]


def finish(node: Node, count: int, at: dict[int, Any], layout: Layout) -> object:
    """The metric from the values at its ranks."""
    if not count:
        return on_column(node, [], layout)
    kind = layout.empty_frame[node.domain["column"]].dtype
    positions = _positions(node, count)
    if node.name == "column.median":
        ends = [at[int(np.floor(positions[0]))], at[int(np.ceil(positions[0]))]]
        return pd.Series(ends, dtype=kind).median()
    how = node.value.get("allow_relative_error") or "nearest"
    if node.name == "column.outlier_statistics":
        how = "linear"
    values = [_between(position, at, kind, how) for position in positions]
    return values if node.name == "column.quantile_values" else _quartiles(values)


def _between(position: float, at: dict[int, Any], kind: Any, how: str) -> float:
    low, high = int(np.floor(position)), int(np.ceil(position))
    share = position - low
    if how == "nearest":  # ties go to the even rank
        low = high = low if share < HALF or (share == HALF and low % 2 == 0) else high
    pair = pd.Series([at[low], at[high]], dtype=kind)
    return pair.quantile([share], interpolation=how).tolist()[0]


def _quartiles(values: Sequence[float]) -> outliers.OutlierStatistics:
    first, third = (outliers._to_float(value) for value in values)
    return outliers.OutlierStatistics(
        lower_reference=first,
        upper_reference=third,
        spread=outliers._spread_between(first, third),
    )


def spread_around_mean(parts: Sequence[Moments]) -> outliers.OutlierStatistics:
    """Outlier statistics that are made of mean and deviation."""
    whole = merged_moments(parts)
    mean = whole.mean if whole.count else np.nan
    deviation = np.sqrt(whole.m2 / (whole.count - 1)) if whole.count > 1 else np.nan
    return outliers.OutlierStatistics.symmetric(
        center=outliers._to_float(mean), spread=outliers._to_float(deviation)
    )
