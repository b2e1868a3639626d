"""Count, sum, mean and squared deviations of a column, by partition and merged.

Why: a mean needs three numbers of a partition, not its rows.
Promise: whole-number sums exactly, moments of floats to rounding: a deviation within 1e-13 of
    the true one, relative, however large the mean beside it.
Not here: which metrics are made of them (``aggregates.py``, ``quantiles.py``).
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.gx_dask.filters import kept_by_condition
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Node

# Sums of 64-bit integers are surely whole below this, and wrap somewhere beyond it.
LARGEST_SUM = 2.0**62


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, exact or rounded sum, mean and squared deviations of some values.

    Attributes:
        rest: What the mean is above ``mean``, which is too coarse beside a small spread.
    """

    count: int
    total: int | float
    mean: float
    rest: float
    m2: float


NO_VALUES = Moments(0, 0, 0.0, 0.0, 0.0)


def looked_at(node: Node, rows: Rows) -> NDArray[np.bool_]:
    """Rows with a value that the row condition keeps, shape ``(n_rows,)``."""
    kept, valid = kept_by_condition(node.domain, rows), rows.valid(node.domain["column"])
    return valid if kept is None else valid & kept


def values_of(node: Node, rows: Rows) -> pd.Series:
    """The column's values that are there, after the row condition."""
    series, looked = rows.series(node.domain["column"]), looked_at(node, rows)
    return series if looked.all() else series[looked]


def moments(node: Node, rows: Rows) -> Moments:
    """Moments of one partition's values, computed once for mean, sum and deviation."""
    key = repr((node.domain["column"], node.domain.get("row_condition")))
    return rows.once("moments", key, lambda: _moments(node, rows))


def _moments(node: Node, rows: Rows) -> Moments:
    values = values_of(node, rows).to_numpy()
    count, kind = len(values), values.dtype.kind
    if not count:
        return NO_VALUES
    with np.errstate(invalid="ignore", over="ignore"):
        sum_of_floats = float(values.sum(dtype=np.float64))
        mean = sum_of_floats / count
        off = values.astype(np.float64, copy=False) - mean
        rest = float(off.sum()) / count
        m2 = max(float(np.square(off, out=off).sum()) - count * rest * rest, 0.0)
    total = int(values.sum()) if kind in "iub" else sum_of_floats
    return Moments(count, total, mean, rest, m2)


def merged_moments(parts: Sequence[Moments]) -> Moments:
    """Moments of all the values; nothing is rounded between partitions but the result.

    Partitions whose means differ by less than a mean's last digit still add up to the spread
    of the whole column, where floats would lose it.

    Source:
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
        sample variances", Stanford report STAN-CS-79-773, 1979.
    """
    some = [part for part in parts if part.count]
    if not some:
        return NO_VALUES
    count, total = sum(part.count for part in some), _sum([part.total for part in some])
    mean = float(total) / count
    if any(
        abs(part.mean) * count >= LARGEST_SUM for part in some
    ):  # integers wrap, floats do not
        mean = _sum([part.mean * part.count for part in some]) / count
    return Moments(count, total, mean, 0.0, _merged_squares(some, count))


def _merged_squares(parts: Sequence[Moments], count: int) -> float:
    within = _sum([part.m2 for part in parts])
    if not all(math.isfinite(part.mean) and math.isfinite(part.rest) for part in parts):
        return math.nan
    means = [Fraction(part.mean) + Fraction(part.rest) for part in parts]
    weights = [part.count for part in parts]
    middle = sum(map(operator.mul, means, weights)) / count
    between = sum(n * (mean - middle) ** 2 for n, mean in zip(weights, means, strict=True))
    try:
        return within + float(between)
    except OverflowError:
        return math.inf


def _sum(numbers: Sequence[int | float]) -> int | float:
    """Exactly rounded; infinities and overflow as NumPy has them."""
    if all(isinstance(number, int) for number in numbers):
        return sum(numbers)
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return float(np.sum(np.asarray(numbers)))
