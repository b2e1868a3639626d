"""What is usual for a number, or a distribution, over some days; and how far a day is from it.

Why: days differ: weekends, growth, chance. Only what none of that explains may be called odd.
Promise: the median and the middle of the days decide, so that a few broken days among them change
    little; a difference counts in deviations of what days and chance do.
Not here: which numbers are compared, and with which days (``day_compare.py``).

Sources:
    The median absolute deviation, 1.4826 of which are a standard deviation where values are normal:
    Hampel, "The influence curve and its role in robust estimation", JASA 69, 1974. The
    arcsine of a share's root varies by 1 / (2 sqrt(n)) whatever the share: Anscombe, "The
    transformation of Poisson, binomial and negative-binomial data", Biometrika 35, 1948.
    The largest distance of two distribution functions, and how far it goes by chance: Massart,
    "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", Annals of Probability
    18, 1990.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TO_DEVIATIONS = 1.4826
# Of all days the middle is a band: a weekend is two days of seven and lies within it, three broken
# days of three weeks do not. Days of one weekday are alike, and few: of them the median counts, and
# of too few for a median whatever one of them was.
BAND = (0.2, 0.8)
MEDIAN = (0.5, 0.5)
RANGE = (0.0, 1.0)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distance:
    """From a day's number to the nearest usual one.

    Attributes:
        seen: The day's number.
        usual: The nearest usual number: the same within the band.
        deviations: How many deviations of what days and chance do lie between.
    """

    seen: float
    usual: float
    deviations: float


def distance(
    seen: float, others: Sequence[float], band: tuple[float, float], chance: float
) -> Distance:
    """How far a number is from those of other days.

    Args:
        seen: The day's number, on a scale where ``chance`` does not depend on it.
        others: The same of each of the other days.
        band: Shares of the others between which everything is usual.
        chance: Standard deviation of the number by chance alone.
    """
    low, middle, high = np.quantile(others, (band[0], 0.5, band[1]))
    deviation = TO_DEVIATIONS * float(np.median(np.abs(np.asarray(others) - middle)))
    usual = min(max(seen, float(low)), float(high))
    return Distance(seen, usual, abs(seen - usual) / max(deviation, chance))


def arcsine(part: float, whole: float) -> float:
    """A share on a scale where its deviation by chance is 1 / sqrt(whole), of small parts too."""
    return 2 * math.asin(math.sqrt((part + 0.375) / (whole + 0.75)))


def share_at(angle: float) -> float:
    """The share of such a number."""
    return math.sin(angle / 2) ** 2


def without_ones(expected: float, days: int, of: int) -> float:
    """Deviations of days together that have no label of 1, on the scale of ``arcsine``.

    On that scale a count of 0 where ``e`` is usual lies 2 sqrt(e) away, and has the probability
    exp(-e). Of so many days any may have been the ones: their number divides it.

    Args:
        expected: How many ones are usual on those days.
        days: How many days they are.
        of: Of how many.
    """
    return 2 * math.sqrt(max(expected - math.log(math.comb(of, days)), 0.0))


def odds_ratio(part: float, whole: float, usual: float) -> float:
    """How many times the odds of a share are those of the usual one, 1 or more.

    With half a row more on either side, so that a part of none or all has odds too.
    """
    parts = (part, usual * whole)
    logits = [math.log((each + 0.5) / (whole - each + 0.5)) for each in parts]
    return math.exp(abs(logits[0] - logits[1]))


def moved(
    own: Mapping[str, Any], others: Sequence[Mapping[str, Any]], band: tuple[float, float]
) -> Distance:
    """The share of a column's values that are elsewhere than on other days.

    It is the largest distance between the day's distribution function and the band of the others',
    read at every cell of the grid that some day's values reach; so every quantile is compared,
    on the scale of shares.

    Args:
        own: ``cells`` and ``counts`` of the day, not empty.
        others: The same of the other days.
        band: Shares of the others between which, at each cell, everything is usual.
    """
    functions = _functions([own, *others])
    mine, theirs = functions[0], functions[1:]
    low, middle, high = np.quantile(theirs, (band[0], 0.5, band[1]), axis=0)
    gap = np.maximum(np.maximum(low - mine, mine - high), 0.0)
    at = int(np.argmax(gap))
    usual = float(np.clip(mine[at], low[at], high[at]))
    # As far as the others are from their own middle. Chance alone goes beyond so many of its
    # deviations, k, with probability 2 exp(-k**2 / 2) at most.
    typical = float(np.median(np.max(np.abs(theirs - middle), axis=1)))
    chance = 0.5 / math.sqrt(int(np.sum(own["counts"])))
    return Distance(float(gap[at]), usual, float(gap[at]) / max(typical, chance))


def _functions(columns: Sequence[Mapping[str, Any]]) -> Floats:
    """Distribution functions at every cell that one of them reaches, ``(n_days, n_cells)``."""
    cells = np.unique(np.concatenate([column["cells"] for column in columns]))
    found = np.zeros((len(columns), len(cells)))
    for row, column in zip(found, columns, strict=True):
        row[np.searchsorted(cells, column["cells"])] = column["counts"]
    return np.cumsum(found, axis=1) / found.sum(axis=1, keepdims=True)
