"""Count, mean and squared deviations of values, summarised per partition and merged.

Why: a window of days is larger than memory, and a fit must not read its rows again.
Promise: statistics are kept by chunks of ``CHUNK_ROWS`` values and merged once, at the end, oldest
    first: the grouping of rows into tasks and row groups changes no bit.
"""

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

State = dict[str, Any]
EPSILON = 2.0**-52
# A chunk and its intermediate results fit a core's cache: 0.4 times the CPU of half a million at once.
CHUNK_ROWS = 1 << 16
NOTHING = {"count": 0, "mean": 0.0, "m2": 0.0}


def moments_of(xp: Any, values: Any) -> State:
    """``count``, ``mean`` and ``m2`` of the finite values.

    Args:
        xp: numpy or cupy.
        values: float64, shape ``(n_rows,)``, NaN or infinite where unknown.
    """
    finite = xp.isfinite(values)
    known = values if bool(finite.all()) else values[finite]
    if not len(known):
        return dict(NOTHING)
    mean = float(xp.mean(known))
    # A second pass: a sum of squares loses precision where the mean is large.
    deviations = known - mean
    deviations *= deviations
    return {"count": len(known), "mean": mean, "m2": float(xp.sum(deviations))}


def chunks(n_rows: int) -> Iterator[slice]:
    """The slice of each chunk of ``n_rows`` values."""
    return (slice(first, first + CHUNK_ROWS) for first in range(0, n_rows, CHUNK_ROWS))


def chunk_moments(xp: Any, values: Any) -> State:
    """``moments_of`` each chunk: three lists of equal length, in the order of the values."""
    found = [moments_of(xp, values[chunk]) for chunk in chunks(len(values))]
    return {name: [each[name] for each in found] for name in NOTHING}


def joined_moments(parts: Sequence[State]) -> State:
    """Concatenate the chunks of several partitions in order: exact, in any grouping."""
    return {name: [each for part in parts for each in part[name]] for name in NOTHING}


def whole_moments(state: State) -> State:
    """Merge the moments of all chunks, from the first to the last."""
    each = zip(*(state[name] for name in NOTHING), strict=True)
    return merged_moments(
        [NOTHING, *(dict(zip(NOTHING, chunk, strict=True)) for chunk in each)]
    )


def merged_moments(parts: Sequence[State]) -> State:
    """Merge the moments of disjoint sets of rows, from left to right.

    The pairwise update keeps its precision when a column's mean is large relative to its spread,
    where a sum of squares loses it.

    Source:
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
        sample variances", Stanford report STAN-CS-79-773, 1979.
    """
    return reduce(_merged, parts)


def _merged(left: State, right: State) -> State:
    count = left["count"] + right["count"]
    # A side without values has mean 0, which must not enter through rounding.
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
    """Population standard deviation (divided by n).

    1.0 where there are no values, or where they are constant up to the rounding of their mean and
    variance: dividing by such a deviation would turn rounding errors into a signal.

    Source:
        The bound on rounding is that of Chan, Golub and LeVeque, "Algorithms for computing
        the sample variance", The American Statistician 37 (1983), as scikit-learn uses it.
    """
    n = max(state["count"], 1)
    variance = state["m2"] / n
    rounding = n * EPSILON * variance + (n * state["mean"] * EPSILON) ** 2
    return math.sqrt(variance) if variance > rounding else 1.0
