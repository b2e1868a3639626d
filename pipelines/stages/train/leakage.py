"""Score how well each input predicts the label by itself.

Why: an input that contains the label makes a model that is perfect in training and useless in use.
Promise: a bounded sample of rows is read, and the same rows give the same scores; nothing heavy is
    imported.
Not here: the limit of a score (``preflight.py``). Sequences are not checked.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.bfloat16 import widened
from pipelines.spec import Binary, Head
from pipelines.spec.heads import CLASSES, GRADES, TIMES
from pipelines.stages.train.shards import LABEL, Shards, first_column

SAMPLE_ROWS = MAX_PAIRS = 200_000
# With fewer rows on one side a good feature, of AUC 0.95, may show 0.99 by chance.
LEAST_ROWS = 10
# Of many classes, those with the most rows are enough to detect a leak.
MAX_CRITERIA = 20
EVEN = 0.5
NO_WORDS: Mapping[int, str] = {}

Floats = NDArray[np.float64]
Levels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class InputScore:
    """How well one input predicts the label.

    Attributes:
        name: The input.
        about: The score as text, such as ``AUC 0.9931 of label 2``.
        score: 1 for a perfect prediction, 0.5 for a useless one.
    """

    name: str
    about: str
    score: float


@dataclass(frozen=True, slots=True)
class RowSample:
    """Rows evenly spread over the days.

    Attributes:
        y: Labels, ``(n_rows,)``.
        numbers: Names and values of the numeric inputs, ``(n_rows, n_numbers)``.
        ids: Names and values of the categorical inputs, ``(n_rows, n_ids)``.
    """

    y: Floats
    numbers: tuple[tuple[str, ...], NDArray[np.float32]]
    ids: tuple[tuple[str, ...], NDArray[np.int32]]


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


def sample(shards: Shards) -> RowSample:
    """Every n-th row of the training days, at most ``SAMPLE_ROWS``."""
    every = -(-shards.rows // SAMPLE_ROWS)
    firsts = [-int(start) % every for start in shards.starts[:-1]]
    days = list(zip(firsts, shards.days, strict=True))

    def taken(name: str) -> NDArray[Any]:
        if name not in shards.days[0]:
            return np.empty((0, 0), np.float32)
        return np.concatenate([widened(np, day[name][first::every]) for first, day in days])

    x, ids, y = taken("x"), taken("ids"), first_column(taken(LABEL)).astype(np.float64)
    shards.release()
    names = shards.features or tuple(f"feature {n}" for n in range(x.shape[1]))
    id_names = shards.categorical or tuple(f"id {n}" for n in range(ids.shape[1]))
    return RowSample(y, (names, x), (id_names, ids.astype(np.int32)))


def score_inputs(
    rows: RowSample, head: Head, words: Mapping[int, str] = NO_WORDS
) -> Iterator[InputScore]:
    """Score each input; none if too few rows differ in the head's label.

    Args:
        rows: A sample of the training rows.
        head: What is predicted.
        words: What the source calls a label, by label.
    """
    yield from _by_numbers(rows, head, words)
    yield from _by_ids(rows, head, words)


def _by_numbers(rows: RowSample, head: Head, words: Mapping[int, str]) -> Iterator[InputScore]:
    """Score the number itself, in rising or falling order."""
    measures = criteria(head, rows.y, np.ones(len(rows.y), bool), words)
    for name, column in zip(rows.numbers[0], rows.numbers[1].T, strict=True):
        rank = ranks(levels(column))
        values = [(each.value(rank), each.about) for each in measures]
        if values:
            value, about = max(values, key=lambda each: abs(each[0] - EVEN))
            yield InputScore(name, about.format(value), EVEN + abs(value - EVEN))


def _by_ids(rows: RowSample, head: Head, words: Mapping[int, str]) -> Iterator[InputScore]:
    """Score the label rate of each id: fitted to one half of the rows, evaluated on the other.

    Evaluated on the rows it was fitted to, a unique id for each row would be a perfect score. Here an
    id that is not in the first half gets the rate of all rows, so that unique ids all score alike:
    they predict nothing, and are not a leak.
    """
    fitted = half(len(rows.y))
    measures = criteria(head, rows.y, ~fitted, words)
    for name, column in zip(rows.ids[0], rows.ids[1].T, strict=True):
        ids = levels(column)
        here, there = ids[fitted], ids[~fitted]
        values = []
        for each in measures:
            rate = rate_of_ids(here, each.gain, each.weight, int(ids.max()) + 1)
            values.append((each.value(ranks(levels(rate)[there])), each.about))
        if values:
            value, about = max(values)
            yield InputScore(name, f"{about.format(value)} by the label rate of its ids", value)


def half(n_rows: int) -> NDArray[np.bool_]:
    """About half of the rows, drawn with a fixed seed."""
    draw = np.random.Generator(np.random.Philox(key=[1, n_rows]))
    return draw.integers(0, 2, n_rows).astype(bool)


def rate_of_ids(ids: Levels, gain: Floats, weight: Floats, n_ids: int) -> Floats:
    """Gain by weight of each id's rows, ``(n_ids,)``; that of all rows for an id without any."""
    gains, weights = (np.bincount(ids, each, minlength=n_ids) for each in (gain, weight))
    overall = gains.sum() / weights.sum() if len(ids) else 0.0
    return np.divide(gains, weights, out=np.full(n_ids, overall), where=weights > 0)


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
    timed = head.labels == TIMES
    happened, after = (y > 0, np.abs(y)) if timed else (np.ones(len(y), bool), y)
    first, second = comparable_pairs(after[scored], happened[scored])
    if min(len(np.unique(first)), len(np.unique(second))) < LEAST_ROWS:
        return []
    about, fitted = "concordance {:.4f}", ~scored
    if timed:
        # Events a day, as a risk: the earlier row's should be the higher.
        gain, weight = happened[fitted].astype(np.float64), after[fitted]
        return [Criterion(about, gain, weight, partial(concordance, second, first))]
    weight = np.ones(np.count_nonzero(fitted))
    return [Criterion(about, y[fitted], weight, partial(concordance, first, second))]


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
