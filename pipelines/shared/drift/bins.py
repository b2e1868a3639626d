"""Bins of a column's values, from the reference alone, and the counts of all days in them.

Why: shares of bins can be compared only where every day is counted in the same bins, and a bin in
    which a small day expects less than a few rows says nothing but chance.
Promise: a bin has about a tenth of the reference's values, and five rows of the day are expected in it;
    a value with more is a bin of its own. Values that the reference has nowhere are a bin,
    so are missing ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS, EXPECTED_ROWS = 10, 5
Column = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Binned:
    """Counts of one column.

    Attributes:
        reference: Of each day of the reference, ``(n_days, n_bins)``; the last two bins are values that
            the reference has nowhere, and missing ones.
        current: Of the day that is compared, ``(n_bins,)``.
        at: Distinct values, ascending, ``(n_values,)``; empty for categories.
        reference_at: How often each day of the reference has each value, ``(n_days, n_values)``.
        current_at: How often the day has, ``(n_values,)``.
    """

    reference: NDArray[np.float64]
    current: NDArray[np.float64]
    at: NDArray[np.float64]
    reference_at: NDArray[np.float64]
    current_at: NDArray[np.float64]


def binned(reference: Sequence[Column], current: Column) -> Binned:
    """Count the values of a column, by day.

    Args:
        reference: The column's profile on each day of the reference, at least one.
        current: On the day that is compared.
    """
    every = [*reference, current]
    names = _names(every)
    counts = np.array([_counts(column, names) for column in every])
    pooled, now = counts[:-1].sum(axis=0), counts[-1]
    order = (
        np.argsort(-pooled, kind="stable") if _is_category(current) else np.arange(len(names))
    )
    target = max(pooled.sum() / BINS, EXPECTED_ROWS * pooled.sum() / max(now.sum(), 1.0))
    of, n_bins = _bin_of(pooled, order, target)
    missing = [float(column["rows"] - column["known"]) for column in every]
    table = np.array(
        [
            [*np.bincount(of, weights=row, minlength=n_bins), lost]
            for row, lost in zip(counts, missing, strict=True)
        ]
    )
    return Binned(table[:-1], table[-1], _values(current, names), counts[:-1], now)


def _names(columns: Sequence[Column]) -> list[Any]:
    """Every value, cell or category that some day has, in order."""
    return sorted({name for column in columns for name in _held(column)})


def _is_category(column: Column) -> bool:
    return "categories" in column


def _held(column: Column) -> Sequence[Any]:
    """A column has categories, or cells of the profiles' grid, or the values themselves."""
    return next(column[key] for key in ("categories", "cells", "at") if key in column)


def _counts(column: Column, names: Sequence[Any]) -> NDArray[np.float64]:
    own = dict(zip(_held(column), column["counts"], strict=True))
    return np.array([own.get(name, 0) for name in names], dtype=np.float64)


def _bin_of(
    pooled: NDArray[np.float64], order: NDArray[np.int64], target: float
) -> tuple[NDArray[np.int64], int]:
    """The bin of each value, and the number of bins; the last bin is of those that the reference has nowhere."""
    of, bin_number, held = np.zeros(len(pooled), np.int64), 0, 0.0
    for value in order:
        if not pooled[value]:
            continue
        if held and (held >= target or pooled[value] >= target):
            bin_number, held = bin_number + 1, 0.0
        of[value] = bin_number
        held += pooled[value]
    of[pooled == 0] = bin_number + 1
    return of, bin_number + 2


def _values(column: Column, names: Sequence[Any]) -> NDArray[np.float64]:
    from pipelines.operators.sketch import lowest_of
    from pipelines.shared.tables.profile import COARSER_BITS

    if _is_category(column):
        return np.zeros(0)
    if "at" in column:
        return np.array(names, dtype=np.float64)
    return np.array([lowest_of(cell << COARSER_BITS) for cell in names])
