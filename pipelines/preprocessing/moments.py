"""Mean and variance of columns, summarised per day and merged.

Why: a window of days is larger than memory, and a fit must not read its rows again.
Promise: merging neighbours in day order, by a tree that depends on the number of days alone,
    gives the same bits each time; any order gives the whole's moments to float64 rounding.
Not here: summarising a day's rows (``pipelines/features/statistics.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ColumnMismatchError


@dataclass(frozen=True, slots=True)
class Moments:
    """First two moments of some rows, per column.

    Attributes:
        columns: Column names, in the order of the arrays below.
        count: Values per column, shape ``(n_columns,)``.
        mean: Mean, shape ``(n_columns,)``, in the column's own unit.
        m2: Sum of squared deviations from ``mean``, shape ``(n_columns,)``, in unit².
    """

    columns: tuple[str, ...]
    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]

    @classmethod
    def from_statistics(cls, statistics: Mapping[str, Mapping[str, Any]]) -> Self:
        """Moments from the ``columns`` of a day's ``statistics.json``."""
        every = statistics.values()
        return cls(
            columns=tuple(statistics),
            count=np.array([each["count"] for each in every], dtype=np.int64),
            mean=np.array([each["mean"] for each in every], dtype=np.float64),
            m2=np.array([each["m2"] for each in every], dtype=np.float64),
        )

    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation of the rows themselves (divided by n), shape ``(n_columns,)``.

        1.0 for a column that is constant but for the rounding of its mean and variance, or
        that has no value: dividing by its deviation would turn rounding into a signal.

        Source:
            The bound on rounding is that of Chan, Golub and LeVeque, "Algorithms for computing
            the sample variance", The American Statistician 37 (1983), as scikit-learn uses it.
        """
        n = np.maximum(self.count, 1)
        variance, epsilon = self.m2 / n, np.finfo(np.float64).eps
        rounding = n * epsilon * variance + (n * self.mean * epsilon) ** 2
        return np.where(variance > rounding, np.sqrt(variance), 1.0)


def merge_moments(left: Moments, right: Moments) -> Moments:
    """Combine the moments of two disjoint sets of rows.

    The pairwise update keeps its digits when a column's mean is large beside its spread, where
    a sum of squares loses them.

    Returns:
        Moments of the union. A column with no value on either side keeps count, mean, m2 of 0.

    Raises:
        ColumnMismatchError: The sides do not describe the same columns.

    Source:
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
        sample variances", Stanford report STAN-CS-79-773, 1979.
    """
    if left.columns != right.columns:
        raise ColumnMismatchError(
            "merge_moments",
            missing=tuple(c for c in left.columns if c not in right.columns),
            unexpected=tuple(c for c in right.columns if c not in left.columns),
        )
    count = left.count + right.count
    share = right.count / np.maximum(count, 1)
    delta = right.mean - left.mean
    return Moments(
        columns=left.columns,
        count=count,
        # A side without values has mean 0, which must not be mixed in by rounding.
        mean=np.where(left.count == 0, right.mean, left.mean + delta * share),
        m2=left.m2 + right.m2 + delta**2 * left.count * share,
    )


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is known of some training days together."""

    rows: int
    positives: int
    moments: Moments

    @classmethod
    def from_statistics(cls, statistics: Mapping[str, Any]) -> Self:
        """One day's ``statistics.json``."""
        moments = Moments.from_statistics(statistics["columns"])
        return cls(statistics["rows"], statistics["positives"], moments)


def merge_fitted(parts: Sequence[Fitted]) -> Fitted:
    """Combine neighbouring days, in their order."""
    return Fitted(
        rows=sum(part.rows for part in parts),
        positives=sum(part.positives for part in parts),
        moments=reduce(merge_moments, (part.moments for part in parts)),
    )
