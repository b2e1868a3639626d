"""Inputs of a Cox baseline from raw columns: standardised numbers, flags of missing ones, flags of words.

Promise: fitted to training rows alone; an input that is constant there is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.values import NULL_WHOLE

Floats = NDArray[np.float64]
MOST_WORDS = 10


@dataclass(frozen=True, slots=True)
class CoxInputs:
    """What the inputs were fitted to.

    Attributes:
        means: Mean of each number.
        words: Words of each text that have a flag.
        center: Mean of each column, ``(n_columns,)``.
        scale: Its standard deviation.
        kept: Columns that vary.
    """

    means: Mapping[str, float]
    words: Mapping[str, tuple[str, ...]]
    center: Floats
    scale: Floats
    kept: NDArray[np.bool_]

    def matrix(self, columns: Mapping[str, NDArray[Any]]) -> Floats:
        """Rows as the model takes them, ``(n_rows, n_kept)``."""
        whole = _columns(columns, self.means, self.words)
        return ((whole - self.center) / self.scale)[:, self.kept]


def fit_inputs(columns: Mapping[str, NDArray[Any]]) -> CoxInputs:
    """Fit to the columns of training rows."""
    numbers = {name: _number(v) for name, v in columns.items() if v.dtype != object}
    means = {
        name: float(np.nanmean(v)) if np.isfinite(v).any() else 0.0
        for name, v in numbers.items()
    }
    words = {name: _frequent(v) for name, v in columns.items() if v.dtype == object}
    whole = _columns(columns, means, words)
    deviation = whole.std(axis=0)
    kept = deviation > 0
    return CoxInputs(means, words, whole.mean(axis=0), np.where(kept, deviation, 1.0), kept)


def _columns(
    columns: Mapping[str, NDArray[Any]],
    means: Mapping[str, float],
    words: Mapping[str, tuple[str, ...]],
) -> Floats:
    found: list[NDArray[Any]] = []
    for name, values in columns.items():
        if name in words:
            found += [values == word for word in words[name]]
        else:
            number = _number(values)
            missing = np.isnan(number)
            found += [np.where(missing, means[name], number), missing]
    return np.column_stack(found).astype(np.float64)


def _number(values: NDArray[Any]) -> Floats:
    if values.dtype.kind == "i":
        return np.where(values == NULL_WHOLE, np.nan, values.astype(np.float64))
    return values.astype(np.float64)


def _frequent(values: NDArray[Any]) -> tuple[str, ...]:
    """The most frequent words, but for the first, to which they compare."""
    words, counts = np.unique(values.astype(str), return_counts=True)
    order = np.lexsort((words, -counts))[:MOST_WORDS]
    return tuple(str(word) for word in words[order][1:])
