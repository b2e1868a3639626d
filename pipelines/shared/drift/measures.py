"""How far two distributions are apart, each given as counts of the same bins, and how far by chance.

Promise: 0 for equal shares; finite for any counts, because half a row is added to each bin that either
    side has. A bin that neither has is no bin.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SMOOTHING = 0.5
Counts = NDArray[np.float64]


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index, of counts of shape ``(n_bins,)``.

    Source:
        The symmetrised Kullback-Leibler divergence (Jeffreys, "An invariant form for the prior
        probability in estimation problems", 1946), as credit scoring uses it.
    """
    from scipy.special import rel_entr

    q, p = shares(reference, current)
    return float(np.sum(rel_entr(p, q) + rel_entr(q, p)))


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon divergence in bits, of counts of shape ``(n_bins,)``: 1 for disjoint ones.

    Source:
        Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information
        Theory 37, 1991.
    """
    from scipy.special import rel_entr

    q, p = shares(reference, current)
    middle = (p + q) / 2
    total = np.sum(rel_entr(p, middle) + rel_entr(q, middle)) / 2 / np.log(2)
    return float(max(total, 0.0))


def wasserstein(at: Counts, reference: Counts, current: Counts) -> float | None:
    """Mean distance that values must be moved by, in standard deviations of the reference.

    Args:
        at: The values, ascending, ``(n_values,)``.
        reference: How often each is in the reference, ``(n_values,)``.
        current: The same of the other side.

    Returns:
        None where a side has no value, or the reference has only one.

    Source:
        The area between two distribution functions: Vallender, "Calculation of the Wasserstein
        distance between probability distributions on the line", Theory of Probability and Its
        Applications 18, 1974.
    """
    if not (len(at) > 1 and np.any(reference) and np.any(current)):
        return None
    before, now = (np.cumsum(side)[:-1] / side.sum() for side in (reference, current))
    steps, deviation = _scaled(at, reference)
    return float(np.sum(np.abs(before - now) * steps) / deviation) if deviation > 0 else None


def wasserstein_by_chance(
    at: Counts, reference: Counts, current: Counts, chance: float
) -> float:
    """What that distance exceeds, between samples of one distribution, with less than a small probability.

    At every value the functions differ by their standard deviation, times the number of deviations that
    a normal number exceeds with that probability.

    Source:
        The mean is at most one such deviation everywhere: Bobkov and Ledoux, "One-dimensional
        empirical measures, order statistics, and Kantorovich transport distances", Memoirs of the
        AMS 261, 2019.
    """
    from scipy.special import ndtri

    if not (len(at) > 1 and np.any(reference) and np.any(current)):
        return 0.0
    # The middle of both: one row beyond all of the reference is no certain sign.
    below = sum(np.cumsum(side)[:-1] / side.sum() for side in (reference, current)) / 2
    spread = np.sqrt(np.clip(below * (1 - below), 0.0, None))
    steps, deviation = _scaled(at, reference)
    scale = np.sqrt(1 / reference.sum() + 1 / current.sum())
    deviations = float(-ndtri(chance / 2))
    return (
        float(deviations * scale * np.sum(spread * steps) / deviation) if deviation > 0 else 0.0
    )


def _scaled(at: Counts, reference: Counts) -> tuple[Counts, float]:
    """Distances between neighbouring values, and the reference's standard deviation, in one unit.

    The unit is the largest value: the square of it need not be finite.
    """
    unit = max(abs(float(at[0])), abs(float(at[-1]))) or 1.0
    values, share = at / unit, reference / reference.sum()
    mean = np.sum(share * values)
    return np.diff(values), float(np.sqrt(np.sum(share * (values - mean) ** 2)))


def by_chance(reference: Counts, current: Counts, chance: float) -> tuple[float, float]:
    """PSI of two samples of one distribution: its mean, and what it exceeds with a small probability.

    It is a chi-squared number with a degree of freedom less than there are bins, times the sum of the
    inverse numbers of rows.

    Args:
        reference: Counts, ``(n_bins,)``.
        current: Counts, ``(n_bins,)``.
        chance: The probability.

    Source:
        Yurdakul, "Statistical properties of population stability index", dissertation, Western
        Michigan University, 2018.
    """
    from scipy.special import chdtri

    bins = np.count_nonzero((reference > 0) | (current > 0))
    if bins < 2:  # noqa: PLR2004
        return 0.0, 0.0
    scale = 1 / reference.sum() + 1 / current.sum()
    return float((bins - 1) * scale), float(chdtri(bins - 1, chance) * scale)


def shares(reference: Counts, current: Counts) -> tuple[Any, Any]:
    """Share of rows in each bin that either side has, on both sides."""
    held = (reference > 0) | (current > 0)
    sides = (np.asarray(side[held], np.float64) + SMOOTHING for side in (reference, current))
    before, now = ((side / side.sum()) for side in sides)
    return before, now
