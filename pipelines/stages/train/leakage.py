"""Score how well each input predicts the label by itself.

Why: an input that contains the label makes a model that is perfect in training and useless in use.
Promise: a bounded sample of rows is read, and the same rows give the same scores; nothing heavy is
    imported.
Not here: the limit of a score (``preflight.py``), the measures (``label_criteria.py``). Sequences are not checked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.bfloat16 import widened
from pipelines.spec import Head
from pipelines.stages.train.label_criteria import (
    NO_WORDS,
    Floats,
    Levels,
    criteria,
    levels,
    ranks,
)
from pipelines.stages.train.shards import LABEL, Shards

SAMPLE_ROWS = 200_000
EVEN = 0.5


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
        y: Labels, ``(n_rows,)``, or ``(n_rows, 2)`` where an event competes.
        numbers: Names and values of the numeric inputs, ``(n_rows, n_numbers)``.
        ids: Names and values of the categorical inputs, ``(n_rows, n_ids)``.
    """

    y: Floats
    numbers: tuple[tuple[str, ...], NDArray[np.float32]]
    ids: tuple[tuple[str, ...], NDArray[np.int32]]


def sample(shards: Shards) -> RowSample:
    """Every n-th row of the training days, at most ``SAMPLE_ROWS``."""
    every = -(-shards.rows // SAMPLE_ROWS)
    firsts = [-int(start) % every for start in shards.starts[:-1]]
    days = list(zip(firsts, shards.days, strict=True))

    def taken(name: str) -> NDArray[Any]:
        if name not in shards.days[0]:
            return np.empty((0, 0), np.float32)
        return np.concatenate([widened(np, day[name][first::every]) for first, day in days])

    x, ids, y = taken("x"), taken("ids"), taken(LABEL).astype(np.float64)
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
