"""Harrell's and Uno's concordance: of all pairs of rows, and in a resample of pairs drawn from them.

Promise: the values are of all pairs; a resample only weighs pairs. Above ``MAX_PAIRS`` pairs so many are drawn evenly,
    always the same, and a resample moves the value of all pairs by as much as it moves that of the drawn ones.
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

# They add 0.0011 to the standard error of a resample at most, a small part of that of so many rows.
MAX_PAIRS = 200_000
NAMES = ("concordance", "uno_c")


@dataclass(frozen=True, slots=True)
class Concordance:
    """Comparable pairs: the first row's event happened before the second row could have it.

    Attributes:
        whole: Both values, of all pairs.
        drawn: The same of the pairs below.
        first: Row whose event happened, ``(n_pairs,)``.
        second: The other row.
        term: 1 where the first has the higher risk, a half where both have the same, else 0.
        weight: Weight of each pair in Uno's concordance.
    """

    whole: tuple[float, float]
    drawn: tuple[float, float]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    term: Floats
    weight: Floats

    def metrics(self, copies: Floats | None = None) -> dict[str, float]:
        """Both, for so many copies of each row."""
        if copies is None:
            return dict(zip(NAMES, self.whole, strict=True))
        of_pairs = copies[self.first] * copies[self.second]
        found = _both(of_pairs, of_pairs * self.weight, self.term)
        moved = zip(NAMES, self.whole, found, self.drawn, strict=True)
        return {name: whole + (each - drawn) for name, whole, each, drawn in moved}


def concordance(rows: FollowUp, risk: Floats, chance: InSight, until: float) -> Concordance:
    """Compare pairs of rows.

    Args:
        rows: How they ended.
        risk: Higher for an earlier event.
        chance: Chance to be in sight.
        until: Events after it have no part in Uno's concordance.
    """
    # At one time, rows without the event come after those with it; after a competing event it never comes.
    code = 2 * np.unique(rows.days, return_inverse=True)[1] + ~rows.event
    code[rows.competing] = 2 * len(code) + 1
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    begin = np.searchsorted(ordered, ordered + 1)
    pairs = _Pairs(
        begin, rows.event[order], risk[order], *_weights(rows.of_rows(order), chance, until)
    )
    first, second = pairs.some()
    term, weight = pairs.compared(first, second)
    drawn = _both(np.ones(len(term)), weight, term)
    whole = pairs.whole() if len(first) < pairs.count else drawn
    return Concordance(whole, drawn, order[first], order[second], term, weight)


def _weights(rows: FollowUp, chance: InSight, until: float) -> tuple[Floats, Floats]:
    """The inverse chance to be in sight for so long: as a first row until the horizon, and as a second row."""
    known = rows.days <= until
    inverse = np.zeros(len(rows.days))
    inverse[known] = 1.0 / chance.before(rows.days[known])
    # A second row was in sight at least until the first one's event, or its competing event came before.
    return inverse, np.where(rows.competing & known, inverse, np.inf)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Rows in order; the second rows of each are those from ``begin`` on.

    Attributes:
        begin: First position of the second rows of each row.
        event: Whether a row is a first row.
        risk: Its risk.
        inverse: Inverse of its chance to be in sight; 0 beyond the horizon.
        most: The largest that its weight as a second row can be.
    """

    begin: NDArray[np.int64]
    event: NDArray[np.bool_]
    risk: Floats
    inverse: Floats
    most: Floats

    @property
    def _counts(self) -> NDArray[np.int64]:
        return np.where(self.event, len(self.begin) - self.begin, 0)

    @property
    def count(self) -> int:
        """Number of comparable pairs."""
        return int(self._counts.sum())

    def some(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions of every pair, or of ``MAX_PAIRS`` of them."""
        counts, total = self._counts, self.count
        if total > MAX_PAIRS:
            draw = np.random.Generator(np.random.Philox(key=[0, total]))
            chosen = np.sort(draw.integers(0, total, MAX_PAIRS))
        else:
            chosen = np.arange(total)
        ends = np.cumsum(counts)
        first = np.searchsorted(ends, chosen, side="right")
        return first, self.begin[first] + chosen - (ends - counts)[first]

    def compared(
        self, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> tuple[Floats, Floats]:
        """Term and weight of pairs."""
        own = self.inverse[first]
        term = np.sign(self.risk[first] - self.risk[second]) / 2 + 0.5
        return term, own * np.minimum(own, self.most[second])

    def whole(self) -> tuple[float, float]:
        """Both values of all pairs, a first row at a time."""
        sums = np.zeros(4)
        for n in np.flatnonzero(self.event):
            later = slice(int(self.begin[n]), None)
            own = float(self.inverse[n])
            term = np.sign(self.risk[n] - self.risk[later]) / 2 + 0.5
            weight = own * np.minimum(own, self.most[later])
            sums += (term.sum(), len(term), (term * weight).sum(), weight.sum())
        return _share(sums[0], sums[1]), _share(sums[2], sums[3])


def _both(copies: Floats, weighed: Floats, term: Floats) -> tuple[float, float]:
    return _share(_sum(copies, term), copies.sum()), _share(_sum(weighed, term), weighed.sum())


def _sum(weight: Floats, term: Floats) -> float:
    # Not by BLAS: its threads cost more than such a sum, and its last digit depends on their number.
    return float(np.einsum("n,n->", weight, term))


def _share(good: float, total: float) -> float:
    return float(good / total) if total > 0 else float("nan")
