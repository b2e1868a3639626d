"""Harrell's and Uno's concordance, as terms of pairs of rows.

Promise: a resample only weighs pairs; above ``MAX_PAIRS`` pairs so many are drawn evenly, always the same.
Source: F. E. Harrell, K. L. Lee and D. B. Mark, "Multivariable prognostic models", Statistics in Medicine 15, 1996,
    section 5.5; H. Uno, T. Cai, M. J. Pencina, R. B. D'Agostino and L. J. Wei, "On the C-statistics for evaluating
    overall adequacy of risk prediction procedures with censored survival data", Statistics in Medicine 30, 2011,
    equation 6; with competing events: M. Wolbers, P. Blanche, M. T. Koller, J. C. M. Witteman and T. A. Gerds,
    "Concordance for prognostic models with competing risks", Biostatistics 15, 2014.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.evaluate.times.follow_up import Floats, FollowUp, InSight

# A standard error of the concordance of at most 0.0007, a small part of that of so many rows.
MAX_PAIRS = 500_000


@dataclass(frozen=True, slots=True)
class Concordance:
    """Comparable pairs: the first row's event happened before the second row could have it.

    Attributes:
        first: Row whose event happened, ``(n_pairs,)``.
        second: The other row.
        term: 1 where the first has the higher risk, a half where both have the same, else 0.
        weight: Weight of each pair in Uno's concordance.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    term: Floats
    weight: Floats

    def metrics(self, copies: Floats) -> dict[str, float]:
        """Both, for so many copies of each row."""
        of_pairs = copies[self.first] * copies[self.second]
        weighed = of_pairs * self.weight
        return {"concordance": _mean(self.term, of_pairs), "uno_c": _mean(self.term, weighed)}


def concordance(rows: FollowUp, risk: Floats, chance: InSight, until: float) -> Concordance:
    """Arrange pairs of rows.

    Args:
        rows: How they ended.
        risk: Higher for an earlier event.
        chance: Chance to be in sight.
        until: Events after it have no part in Uno's concordance.
    """
    first, second = _comparable(rows)
    term = np.sign(risk[first] - risk[second]) / 2 + 0.5
    days = rows.days[first]
    counted = days <= until
    # The second row was in sight at least until the first one's event, or its competing event came before.
    seen = np.where(rows.competing[second], np.minimum(rows.days[second], days), days)
    weight = np.zeros(len(first))
    weight[counted] = 1.0 / (chance.before(days[counted]) * chance.before(seen[counted]))
    return Concordance(first, second, term, weight)


def _comparable(rows: FollowUp) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and second row of each comparable pair, or of ``MAX_PAIRS`` of them."""
    # At one time, rows without the event come after those with it; after a competing event it never comes.
    code = 2 * np.unique(rows.days, return_inverse=True)[1] + ~rows.event
    code[rows.competing] = 2 * len(code) + 1
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    begin = np.searchsorted(ordered, ordered + 1)
    count = np.where(rows.event[order], len(order) - begin, 0)
    ends, total = np.cumsum(count), int(count.sum())
    chosen = np.arange(total)
    if total > MAX_PAIRS:
        draw = np.random.Generator(np.random.Philox(key=[0, total]))
        chosen = draw.integers(0, total, MAX_PAIRS)
    first = np.searchsorted(ends, chosen, side="right")
    second = begin[first] + chosen - (ends - count)[first]
    return order[first], order[second]


def _mean(term: Floats, weight: Floats) -> float:
    total = weight.sum()
    return float((term * weight).sum() / total) if total > 0 else float("nan")
