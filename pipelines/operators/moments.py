"""Count, mean and squared deviations of values, summarised per partition and merged.

Why: a window of days is larger than memory, and a fit must not read its rows again.
Promise: merging neighbours in their order, by a tree that depends on their number alone, gives
    the same bits each time; any order gives the whole's moments to float64 rounding.
"""

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

State = dict[str, Any]
EPSILON = 2.0**-52


def moments_of(xp: Any, values: Any) -> State:
    """``count``, ``mean`` and ``m2`` of the values that are numbers.

    Args:
        xp: numpy or cupy.
        values: float64, shape ``(n_rows,)``, NaN or infinite where unknown.
    """
    finite = xp.isfinite(values)
    known = values if bool(finite.all()) else values[finite]
    if not len(known):
        return {"count": 0, "mean": 0.0, "m2": 0.0}
    mean = float(xp.mean(known))
    # A second pass: a sum of squares loses its digits where the mean is large.
    apart = known - mean
    apart *= apart
    return {"count": len(known), "mean": mean, "m2": float(xp.sum(apart))}


def merged_moments(parts: Sequence[State]) -> State:
    """The moments of disjoint sets of rows together, taken from left to right.

    The pairwise update keeps its digits when a column's mean is large beside its spread, where
    a sum of squares loses them.

    Source:
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
        sample variances", Stanford report STAN-CS-79-773, 1979.
    """
    return reduce(_merged, parts)


def _merged(left: State, right: State) -> State:
    count = left["count"] + right["count"]
    # A side without values has mean 0, which must not be mixed in by rounding.
    if not left["count"] or not right["count"]:
        return right if right["count"] else left
    share = right["count"] / count
    delta = right["mean"] - left["mean"]
    return {
        "count": count,
        "mean": left["mean"] + delta * share,
        "m2": left["m2"] + right["m2"] + delta * delta * left["count"] * share,
    }


def deviation(state: State) -> float:
    """Standard deviation of the rows themselves (divided by n).

    1.0 for values that are constant but for the rounding of their mean and variance, or where
    there are none: dividing by their deviation would turn rounding into a signal.

    Source:
        The bound on rounding is that of Chan, Golub and LeVeque, "Algorithms for computing
        the sample variance", The American Statistician 37 (1983), as scikit-learn uses it.
    """
    n = max(state["count"], 1)
    variance = state["m2"] / n
    rounding = n * EPSILON * variance + (n * state["mean"] * EPSILON) ** 2
    return math.sqrt(variance) if variance > rounding else 1.0
