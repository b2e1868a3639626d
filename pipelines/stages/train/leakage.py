"""How well each input tells the label by itself.

Why: an input that carries the answer makes a model that is perfect here and useless tomorrow.
Promise: a bounded sample of rows is read, and the same rows give the same numbers; nothing heavy
    is imported.
Not here: what follows from a number (``preflight.py``). Sequences are not looked at.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.bfloat16 import widened
from pipelines.spec import Binary, Head, MultiClass, Ordinal, Survival
from pipelines.stages.train.shards import LABEL, Shards

SAMPLE_ROWS = MAX_PAIRS = 200_000
# With fewer rows on one side a good feature, of AUC 0.95, may show 0.99 by chance.
LEAST_ROWS = 10
# Of many classes, those with the most rows give a leak away as well as all would.
MOST_QUESTIONS = 20
EVEN = 0.5

Floats = NDArray[np.float64]
Levels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Told:
    """How well one input tells the label.

    Attributes:
        name: The input.
        about: The number in words, such as ``AUC 0.9931 of label 2``.
        nearness: 1 where the label can be read off it, a half where it tells nothing.
    """

    name: str
    about: str
    nearness: float


@dataclass(frozen=True, slots=True)
class Sample:
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
class Question:
    """One way in which a score may tell the label.

    Attributes:
        about: Its number in words, with a place for the number.
        gain: What a row that is not judged adds to its id's score, ``(n_learnt,)``.
        weight: What that score is divided by, ``(n_learnt,)``.
        value: From the ranks of the judged rows' scores, ``(n_judged,)``, to the number.
    """

    about: str
    gain: Floats
    weight: Floats
    value: Callable[[Floats], float]


def sample(shards: Shards) -> Sample:
    """Every n-th row of the training days, at most ``SAMPLE_ROWS``."""
    every = -(-shards.rows // SAMPLE_ROWS)
    firsts = [-int(start) % every for start in shards.starts[:-1]]
    days = list(zip(firsts, shards.days, strict=True))

    def taken(name: str) -> NDArray[Any]:
        if name not in shards.days[0]:
            return np.empty((0, 0), np.float32)
        return np.concatenate([widened(np, day[name][first::every]) for first, day in days])

    x, ids, y = taken("x"), taken("ids"), taken(LABEL).astype(np.float64)
    shards.let_go()
    names = shards.features or tuple(f"feature {n}" for n in range(x.shape[1]))
    words = shards.categorical or tuple(f"id {n}" for n in range(ids.shape[1]))
    return Sample(y, (names, x), (words, ids.astype(np.int32)))


def told_by_each(seen: Sample, head: Head) -> Iterator[Told]:
    """How well each input tells the head's label; nothing where too few rows differ in it."""
    yield from _by_numbers(seen, head)
    yield from _by_ids(seen, head)


def _by_numbers(seen: Sample, head: Head) -> Iterator[Told]:
    """By the number itself, rising or falling."""
    asked = questions(head, seen.y, np.ones(len(seen.y), bool))
    for name, column in zip(seen.numbers[0], seen.numbers[1].T, strict=True):
        rank = ranks(levels(column))
        values = [(question.value(rank), question.about) for question in asked]
        if values:
            value, about = max(values, key=lambda each: abs(each[0] - EVEN))
            yield Told(name, about.format(value), EVEN + abs(value - EVEN))


def _by_ids(seen: Sample, head: Head) -> Iterator[Told]:
    """By the label rate of each id: learnt on one half of the rows, judged on the other.

    Judged on the rows it was learnt on, an id a row would be a perfect score. Here an id that the
    first half has not gets the rate of all rows, so that ids of which each occurs once score alike:
    they tell nothing, and are no leak.
    """
    learnt = half(len(seen.y))
    asked = questions(head, seen.y, ~learnt)
    for name, column in zip(seen.ids[0], seen.ids[1].T, strict=True):
        place = levels(column)
        here, there = place[learnt], place[~learnt]
        values = []
        for each in asked:
            rate = rate_of_ids(here, each.gain, each.weight, int(place.max()) + 1)
            values.append((each.value(ranks(levels(rate)[there])), each.about))
        if values:
            value, about = max(values)
            yield Told(name, f"{about.format(value)} by the label rate of its ids", value)


def half(n_rows: int) -> NDArray[np.bool_]:
    """About half of the rows, drawn with a fixed seed."""
    draw = np.random.Generator(np.random.Philox(key=[1, n_rows]))
    return draw.integers(0, 2, n_rows).astype(bool)


def rate_of_ids(place: Levels, gain: Floats, weight: Floats, n_ids: int) -> Floats:
    """Gain by weight of each id's rows, ``(n_ids,)``; that of all rows for an id without any."""
    gains, weights = (np.bincount(place, each, minlength=n_ids) for each in (gain, weight))
    overall = gains.sum() / weights.sum() if len(place) else 0.0
    return np.divide(gains, weights, out=np.full(n_ids, overall), where=weights > 0)


def levels(values: NDArray[Any]) -> Levels:
    """Place of each value among the distinct ones; nan is one of them, and the highest."""
    return np.unique(values, return_inverse=True)[1]


def ranks(level: Levels) -> Floats:
    """Rank of each row, from 1; those of one level share the mean of theirs."""
    count = np.bincount(level)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[level])


def questions(head: Head, y: Floats, judged: NDArray[np.bool_]) -> list[Question]:
    """What the head's label asks of a score; nothing where too few judged rows differ.

    The AUC of an event, of each class against the rest, and of the grades above each threshold;
    the concordance of pairs of rows for an amount and for a time.
    """
    if not isinstance(head, Binary | MultiClass | Ordinal):
        return _by_pairs(head, y, judged)
    weight = np.ones(np.count_nonzero(~judged))
    sides = [(about, upper[~judged], upper[judged]) for about, upper in _sides(head, y)]
    return [
        Question(
            about, gain.astype(np.float64), weight, partial(area, upper.astype(np.float64))
        )
        for about, gain, upper in sides
        if fewer_of(upper) >= LEAST_ROWS
    ]


def fewer_of(upper: NDArray[np.bool_]) -> int:
    """Rows on the side of a question that has the fewer."""
    count = int(np.count_nonzero(upper))
    return min(count, len(upper) - count)


def _sides(head: Head, y: Floats) -> list[tuple[str, NDArray[np.bool_]]]:
    """Questions with two sides, the evenest ones, and the rows on the upper side of each."""
    if isinstance(head, Binary):
        return [("AUC {:.4f}", y == 1)]
    labels, count = np.unique(y, return_counts=True)
    ordered = isinstance(head, Ordinal)
    upper = len(y) - np.cumsum(count) if ordered else count
    evenest = np.argsort(-np.minimum(upper, len(y) - upper), kind="stable")[:MOST_QUESTIONS]
    if ordered:
        return [(f"AUC {{:.4f}} of labels above {c:g}", y > c) for c in labels[evenest]]
    return [(f"AUC {{:.4f}} of label {c:g}", y == c) for c in labels[evenest]]


def _by_pairs(head: Head, y: Floats, judged: NDArray[np.bool_]) -> list[Question]:
    timed = isinstance(head, Survival)
    happened, after = (y > 0, np.abs(y)) if timed else (np.ones(len(y), bool), y)
    first, second = comparable_pairs(after[judged], happened[judged])
    if min(len(np.unique(first)), len(np.unique(second))) < LEAST_ROWS:
        return []
    about, learnt = "concordance {:.4f}", ~judged
    if timed:
        # Events a day, as a risk: the earlier row's should be the higher.
        gain, weight = happened[learnt].astype(np.float64), after[learnt]
        return [Question(about, gain, weight, partial(concordance, second, first))]
    weight = np.ones(np.count_nonzero(learnt))
    return [Question(about, y[learnt], weight, partial(concordance, first, second))]


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
    """Share of pairs whose rows score in the order that the label says, ties counting one half.

    Args:
        lower: Row of each pair that should score lower.
        higher: The other row of each pair.
        rank: Rank of each row's score, ``(n_rows,)``.

    Source:
        F. E. Harrell, K. L. Lee and D. B. Mark, "Multivariable prognostic models", Statistics in
        Medicine 15, 1996, section 5.5; without censoring it is Kendall's tau as a share of pairs.
    """
    one, other = rank[lower], rank[higher]
    return float(np.mean(one < other) + np.mean(one == other) / 2)


def comparable_pairs(time: Floats, happened: NDArray[np.bool_]) -> tuple[Levels, Levels]:
    """Pairs of rows of which the first is known to come before the second.

    The first one's event happened, before the second one's time, or at it where the second was
    seen then without its own. All pairs up to ``MAX_PAIRS``, else so many drawn with a fixed seed.
    """
    # At one time, those seen to live on come after those with the event.
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
