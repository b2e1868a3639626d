"""How good the predictions of a head other than ``Binary`` are.

Why: an amount, a class, a grade and a time are each wrong in their own way.
Promise: rows may be weighed, so that a resample of entities is a vector of copies; every metric is
    a mean over rows or over pairs of rows.
Not here: an event's metrics (``metrics.py``), intervals (``bootstrap.py``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import Head, MultiClass, Ordinal, Regression, Survival

Floats = NDArray[np.float64]
Predictions = Mapping[str, NDArray[Any]]

LEAST = 1e-7
MAX_PAIRS = 2_000_000


@dataclass(frozen=True, slots=True)
class HeadJudgeable:
    """One model's predictions, with each metric as terms that a resample only weighs.

    Attributes:
        means: By metric, the term of each row.
        roots: Metrics that are the root of their mean.
        pairs: First and second row of each comparable pair, and its term; None for no pairs.
        place: Place of each row's entity among all, ``(n_rows,)``.
    """

    means: Mapping[str, Floats]
    roots: tuple[str, ...]
    pairs: tuple[NDArray[np.int64], NDArray[np.int64], Floats] | None
    place: NDArray[np.int64]

    def metrics(self, copies: Floats | None = None) -> dict[str, float]:
        """Every metric, for so many copies of each entity."""
        weight = np.ones(len(self.place)) if copies is None else copies[self.place]
        found = {}
        if self.pairs is not None:
            first, second, term = self.pairs
            found["concordance"] = _mean(term, weight[first] * weight[second])
        for name, term in self.means.items():
            value = _mean(term, weight)
            found[name] = float(np.sqrt(value)) if name in self.roots else value
        return found


def _mean(term: Floats, weight: Floats) -> float:
    total = weight.sum()
    return float((term * weight).sum() / total) if total > 0 else float("nan")


def judgeable(head: Head, y: Floats, told: Predictions, entity: NDArray[Any]) -> HeadJudgeable:
    """Arrange predictions for the head's metrics.

    Args:
        head: What was predicted; not ``Binary``.
        y: Labels, ``(n_rows,)``.
        told: The head's predictions.
        entity: Entity of each row, resampled together.
    """
    _, place = np.unique(entity, return_inverse=True)
    for kind, arrange in ARRANGED.items():
        if isinstance(head, kind):
            means, pairs = arrange(head, y, told)
            roots = ("rmse",) if kind is Regression else ()
            return HeadJudgeable(means, roots, pairs, place)
    raise AssertionError(head)


def _multi_class(_head: Head, y: Floats, told: Predictions) -> Any:
    chance = told["probabilities"].astype(np.float64)
    own = chance[np.arange(len(y)), y.astype(np.int64)]
    right = chance.argmax(axis=1) == y
    return {"log_loss": -np.log(np.maximum(own, LEAST)), "accuracy": right.astype(float)}, None


def _regression(_head: Head, y: Floats, told: Predictions) -> Any:
    error = told["score"].astype(np.float64) - y
    return {"rmse": error**2, "mae": np.abs(error)}, None


def _ordinal(head: Head, y: Floats, told: Predictions) -> Any:
    """The told grade is the number of thresholds passed with a chance of a half or more."""
    means, _ = _multi_class(head, y, told)
    above = 1.0 - np.cumsum(told["probabilities"].astype(np.float64), axis=1)[:, :-1]
    grade = (above > 0.5).sum(axis=1)  # noqa: PLR2004  a half
    accuracy = (grade == y).astype(float)
    return {"rank_mae": np.abs(grade - y), **means, "accuracy": accuracy}, None


def _survival(head: Survival, y: Floats, told: Predictions) -> Any:
    time, happened = np.abs(y), y > 0
    pairs = _concordant(time, happened, told["score"].astype(np.float64))
    return {"brier": brier(time, happened, told["survival"], head.cuts_days)}, pairs


ARRANGED: Mapping[type, Callable[..., Any]] = {
    MultiClass: _multi_class,
    Regression: _regression,
    Ordinal: _ordinal,
    Survival: _survival,
}


def _concordant(time: Floats, happened: NDArray[np.bool_], risk: Floats) -> Any:
    """Comparable pairs of rows, and 1 where the earlier event has the higher risk, a half if equal.

    A pair is comparable if the first row's event happened before the second's time.

    Source:
        F. E. Harrell, K. L. Lee and D. B. Mark, "Multivariable prognostic models", Statistics in
        Medicine 15, 1996, section 5.5. Above ``MAX_PAIRS`` pairs so many are drawn evenly, with a
        standard error below 0.0004.
    """
    # At one time, those seen to live on come after those with the event.
    code = 2 * np.unique(time, return_inverse=True)[1] + ~happened
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    begin = np.searchsorted(ordered, ordered + 1)
    count = np.where(happened[order], len(order) - begin, 0)
    ends, total = np.cumsum(count), int(count.sum())
    chosen = np.arange(total)
    if total > MAX_PAIRS:
        draw = np.random.Generator(np.random.Philox(key=[0, total]))
        chosen = draw.integers(0, total, MAX_PAIRS)
    first = np.searchsorted(ends, chosen, side="right")
    second = begin[first] + chosen - (ends - count)[first]
    first, second = order[first], order[second]
    return first, second, np.sign(risk[first] - risk[second]) / 2 + 0.5


def brier(
    time: Floats,
    happened: NDArray[np.bool_],
    survival: NDArray[Any],
    cuts_days: tuple[float, ...],
) -> Floats:
    """Squared error of the survival curve, mean over the cuts; a term for each row.

    Rows that were lost from sight before a cut count by others, weighed by the chance to be still
    in sight (Kaplan-Meier of the censoring).

    Source:
        E. Graf et al., "Assessment and comparison of prognostic classification schemes for survival
        data", Statistics in Medicine 18, 1999, equation 7.
    """
    in_sight = _kaplan_meier(time, ~happened)
    terms = np.zeros(len(time))
    for n, cut in enumerate(cuts_days):
        alive = survival[:, n].astype(np.float64)
        died = happened & (time <= cut)
        weight = 1.0 / np.maximum(in_sight(np.where(died, time, cut), died), LEAST)
        terms += np.where(died, alive**2, np.where(time > cut, (1 - alive) ** 2, 0.0)) * weight
    return terms / len(cuts_days)


def _kaplan_meier(time: Floats, ended: NDArray[np.bool_]) -> Callable[..., Floats]:
    """Chance not to have ended up to a time, or just before it where asked."""
    at = np.unique(time[ended])
    left = len(time) - np.searchsorted(np.sort(time), at, side="left")
    count = np.searchsorted(np.sort(time[ended]), at, side="right") - np.searchsorted(
        np.sort(time[ended]), at, side="left"
    )
    steps = np.append(1.0, np.cumprod(1.0 - count / np.maximum(left, 1)))

    def curve(t: Floats, just_before: NDArray[np.bool_]) -> Floats:
        upto = np.searchsorted(at, t, side="right")
        before = np.searchsorted(at, t, side="left")
        return np.asarray(steps[np.where(just_before, before, upto)])

    return curve
