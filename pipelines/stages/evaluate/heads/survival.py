"""Evaluating a model of when an event happens: whether risks are in order, and how sure it may be.

Promise: rows that were lost from sight before an event count as far as they go.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import Survival
from pipelines.stages.evaluate.heads.from_graph import GraphEvaluation, Pairs, RowTerms
from pipelines.stages.evaluate.heads.protocol import Floats, Predictions

LEAST_CHANCE = 1e-7
MAX_PAIRS = 2_000_000


class SurvivalEvaluation(GraphEvaluation[Survival]):
    """How models of a time are evaluated."""

    meanings: ClassVar[Mapping[str, str]] = {
        "concordance": "Chance that of two rows the one with the earlier event has the higher risk.",
        "brier": "Squared error of the survival curve, mean over its cuts; less is better.",
    }

    def terms(
        self, labels: Floats, predictions: Predictions, entity_index: NDArray[np.int64]
    ) -> RowTerms:
        """Concordance over pairs, and the Brier score over rows."""
        time, happened = np.abs(labels), labels > 0
        pairs = _concordant(time, happened, predictions["score"].astype(np.float64))
        errors = brier(time, happened, predictions["survival"], self.head.cuts_days)
        return RowTerms({"brier": errors}, entity_index, pairs=pairs)


def _concordant(time: Floats, happened: NDArray[np.bool_], risk: Floats) -> Pairs:
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
    return Pairs("concordance", first, second, np.sign(risk[first] - risk[second]) / 2 + 0.5)


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
        weight = 1.0 / np.maximum(in_sight(np.where(died, time, cut), died), LEAST_CHANCE)
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
