"""Measures of how well a score orders rows by their label, for every head.

Promise: of many pairs of rows so many are drawn with a fixed seed; nothing heavy is imported.
Not here: what is scored (``leakage.py``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import Binary, Head
from pipelines.spec.heads import CLASSES, GRADES, TIMES

MAX_PAIRS = 200_000
# With fewer rows on one side a good feature, of AUC 0.95, may show 0.99 by chance.
LEAST_ROWS = 10
# Of many classes, those with the most rows are enough to detect a leak.
MAX_CRITERIA = 20
NO_WORDS: Mapping[int, str] = {}

Floats = NDArray[np.float64]
Levels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One measure of how well a score predicts the label.

    Attributes:
        about: Text of its value, with a placeholder for the number.
        gain: What a fitted row adds to the score of its id, ``(n_fitted,)``.
        weight: What that score is divided by, ``(n_fitted,)``.
        value: Computes the number from the ranks of the scored rows, ``(n_scored,)``.
    """

    about: str
    gain: Floats
    weight: Floats
    value: Callable[[Floats], float]


def levels(values: NDArray[Any]) -> Levels:
    """Index of each value among the sorted distinct ones; nan is the last of them."""
    return np.unique(values, return_inverse=True)[1]


def ranks(level: Levels) -> Floats:
    """Rank of each row, from 1; those of one level share the mean of theirs."""
    count = np.bincount(level)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[level])


def criteria(
    head: Head, y: Floats, scored: NDArray[np.bool_], words: Mapping[int, str] = NO_WORDS
) -> list[Criterion]:
    """The criteria for the head's label; empty if too few scored rows differ in it.

    The AUC of an event, of each class against the rest, and of the grades above each threshold;
    the concordance of pairs of rows for an amount and for a time.
    """
    if head.labels not in (CLASSES, GRADES):
        return _by_pairs(head, y, scored)
    weight = np.ones(np.count_nonzero(~scored))
    sides = [(about, upper[~scored], upper[scored]) for about, upper in _sides(head, y, words)]
    return [
        Criterion(
            about, gain.astype(np.float64), weight, partial(area, upper.astype(np.float64))
        )
        for about, gain, upper in sides
        if fewer_of(upper) >= LEAST_ROWS
    ]


def fewer_of(upper: NDArray[np.bool_]) -> int:
    """Number of rows on the smaller side."""
    count = int(np.count_nonzero(upper))
    return min(count, len(upper) - count)


def named(label: float, words: Mapping[int, str]) -> str:
    """A label, and what the source calls it."""
    word = words.get(int(label), "")
    return f"{label:g} {word!r}" if word else f"{label:g}"


def _sides(
    head: Head, y: Floats, words: Mapping[int, str]
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Binary criteria, the most balanced first, and the rows on the upper side of each."""
    if isinstance(head, Binary):
        return [("AUC {:.4f}", y == 1)]
    labels, count = np.unique(y, return_counts=True)
    ordered = head.labels == GRADES
    upper = len(y) - np.cumsum(count) if ordered else count
    balanced = np.argsort(-np.minimum(upper, len(y) - upper), kind="stable")[:MAX_CRITERIA]
    if ordered:
        return [(_about(f"labels above {named(c, words)}"), y > c) for c in labels[balanced]]
    return [(_about(f"label {named(c, words)}"), y == c) for c in labels[balanced]]


def _about(side: str) -> str:
    """The text of a criterion; a word of the source may have braces."""
    return f"AUC {{:.4f}} of {side.replace('{', '{{').replace('}', '}}')}"


def _by_pairs(head: Head, y: Floats, scored: NDArray[np.bool_]) -> list[Criterion]:
    if head.labels != TIMES:
        return _by_amounts(y, scored)
    if y.ndim == 1:
        return _by_times(y, y > 0, scored, "concordance {:.4f}")
    days, competed = y[:, 0], y[:, 1] > 0
    return [
        *_by_times(days, days > 0, scored, "concordance {:.4f}"),
        *_by_times(days, competed, scored, "concordance {:.4f} of the competing event"),
    ]


def _by_amounts(y: Floats, scored: NDArray[np.bool_]) -> list[Criterion]:
    first, second = comparable_pairs(y[scored], np.ones(np.count_nonzero(scored), bool))
    if _are_few(first, second):
        return []
    weight = np.ones(np.count_nonzero(~scored))
    value = partial(concordance, first, second)
    return [Criterion("concordance {:.4f}", y[~scored], weight, value)]


def _by_times(
    days: Floats, happened: NDArray[np.bool_], scored: NDArray[np.bool_], about: str
) -> list[Criterion]:
    """Of one kind of event; rows that ended otherwise count as far as they go."""
    after, fitted = np.abs(days), ~scored
    first, second = comparable_pairs(after[scored], happened[scored])
    if _are_few(first, second):
        return []
    # Events a day, as a risk: the earlier row's should be the higher.
    gain, weight = happened[fitted].astype(np.float64), after[fitted]
    return [Criterion(about, gain, weight, partial(concordance, second, first))]


def _are_few(first: Levels, second: Levels) -> bool:
    return min(len(np.unique(first)), len(np.unique(second))) < LEAST_ROWS


def area(upper: Floats, rank: Floats) -> float:
    """Area under the ROC curve of a score, ties counting one half.

    Args:
        upper: 1 for rows that should score high, else 0, ``(n_rows,)``.
        rank: Rank of each row's score, ``(n_rows,)``.

    Source:
        The rank sum of Mann and Whitney, 1947.
    """
    n_upper = upper.sum()
    # Not ``@``: its threads cost six times the CPU on a busy machine, for 0.1 ms of work.
    above = np.einsum("i,i", upper, rank) - n_upper * (n_upper + 1) / 2
    return float(above / (n_upper * (len(rank) - n_upper)))


def concordance(lower: Levels, higher: Levels, rank: Floats) -> float:
    """Fraction of pairs whose scores have the order of their labels, ties counting one half.

    Args:
        lower: Row of each pair that should score lower.
        higher: The other row of each pair.
        rank: Rank of each row's score, ``(n_rows,)``.

    Source:
        F. E. Harrell, K. L. Lee and D. B. Mark, "Multivariable prognostic models", Statistics in
        Medicine 15, 1996, section 5.5; without censoring it is Kendall's tau as a fraction of pairs.
    """
    one, other = rank[lower], rank[higher]
    return float(np.mean(one < other) + np.mean(one == other) / 2)


def comparable_pairs(time: Floats, happened: NDArray[np.bool_]) -> tuple[Levels, Levels]:
    """Pairs of rows of which the first is known to come before the second.

    The first one's event happened before the second one's time, or at it if the second was
    censored then. All pairs up to ``MAX_PAIRS``, else so many drawn with a fixed seed.
    """
    # At the same time, censored rows come after rows with the event.
    code = 2 * levels(time) + ~happened
    order = np.argsort(code, kind="stable")
    begin = np.searchsorted(code[order], code[order], side="right")
    ends = np.cumsum(np.where(happened[order], len(order) - begin, 0))
    total = int(ends[-1]) if len(ends) else 0
    if total > MAX_PAIRS:
        draw = np.random.Generator(np.random.Philox(key=[2, total]))
        chosen = draw.integers(0, total, MAX_PAIRS)
    else:
        chosen = np.arange(total)
    first = np.searchsorted(ends, chosen, side="right")
    second = len(order) - (ends[first] - chosen)
    return order[first], order[second]
