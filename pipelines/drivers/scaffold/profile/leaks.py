"""Columns that alone predict the label, which they hardly could before it was known.

Why: a refund that follows from a complaint predicts it perfectly, and only in the past.
Promise: a bounded look at each column alone; what needs several columns is not found.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.drivers.scaffold.profile.columns import ColumnGuess

LEAK, FEWEST_ROWS, MOST_CATEGORIES = 0.99, 50, 100
TRUE = ("1", "true", "1.0")


def predicts_label(column: ColumnGuess, label: ColumnGuess) -> float:
    """How well a column alone predicts a label of 0 and 1: 0.5 for not at all, 1 for certainly."""
    known = np.asarray(pc.is_valid(label.values))
    positive = _positive(label)[known]
    if len(positive) < FEWEST_ROWS or positive.all() or not positive.any():
        return 0.5
    if column.numbers is not None:
        found = _auc(_filled(column.numbers)[known], positive)
        return max(found, 1 - found)
    if column.listed or column.distinct <= MOST_CATEGORIES:
        return _auc(_rates(column.values.filter(pa.array(known)), positive), positive)
    return 0.5


def _positive(label: ColumnGuess) -> NDArray[np.bool_]:
    words = [word for word, number in (label.words or {}).items() if number == 1] or TRUE
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(label.values.cast(pa.string())))
    wanted = pa.array([word.lower() for word in words])
    return np.asarray(pc.fill_null(pc.is_in(texts, wanted), fill_value=False))


def _filled(numbers: pa.ChunkedArray) -> NDArray[np.float64]:
    """A null is below all values: that a value is missing may predict the label too."""
    values: NDArray[np.float64] = np.asarray(
        pc.fill_null(numbers.cast(pa.float64()), float("-inf"))
    )
    return values


def _rates(values: pa.ChunkedArray, positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of the label among the rows of each row's category."""
    codes = np.asarray(
        pc.fill_null(values.combine_chunks().dictionary_encode().indices.cast(pa.int64()), -1)
    )
    rows = np.bincount(codes + 1)
    return (np.bincount(codes + 1, positive) / np.maximum(rows, 1))[codes + 1]


def _auc(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Chance that a positive row has a larger value than a negative, ties counted half."""
    _, ranks, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    number = int(positive.sum())
    above = middle[ranks][positive].sum() - number * (number + 1) / 2
    return float(above / (number * (len(positive) - number)))
