"""Aggregates of how values vary over a window: their slope in time and their standard deviation.

Why: both are differences of sums of products, in which rounded sums cancel to noise.
Promise: differences are made of exact whole numbers (``limbs.py``) and rounded once they are, so a
    result is within a relative error of 2**-47 and depends on no order of rows. Floats without
    declared decimals count in units of 2**-72, digits below are dropped.
Not here: the other aggregates (``aggregates.py``).
"""

from collections.abc import Sequence
from typing import Any

from pipelines.stages.featurize.entity_program import DAY_S
from pipelines.stages.featurize.limbs import (
    FLOAT_UNIT,
    Limbs,
    as_floats,
    limbs_of_floats,
    limbs_of_wholes,
    minus,
    over,
    running,
    times,
)
from pipelines.stages.featurize.selection import Selection, require_summable
from pipelines.stages.featurize.timeline import Span


def slope(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Least-squares slope of the values per day; NaN over fewer than two different times."""
    xp, line = rows.line.xp, rows.line
    seconds = limbs_of_wholes(line.since()[rows.valued_positions])
    values, unit = _values(rows)
    of = {
        name: running(xp, limbs)
        for name, limbs in {
            "t": seconds,
            "v": values,
            "tt": times(seconds, seconds),
            "tv": times(seconds, values),
        }.items()
    }
    found = []
    for span in spans:
        start, end = rows.valued_range(span)
        sums = {name: over(each, start, end) for name, each in of.items()}
        across = as_floats(_difference(end - start, sums["tv"], sums["t"], sums["v"]))
        along = as_floats(_difference(end - start, sums["tt"], sums["t"], sums["t"]))
        slopes = across * (DAY_S * unit) / xp.maximum(along * rows.scale, 1.0)
        found.append(xp.where(along > 0, slopes, xp.nan))
    return found


def std(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Sample standard deviation of the values (divided by n - 1); NaN over fewer than two."""
    xp = rows.line.xp
    values, unit = _values(rows)
    singles, squares = running(xp, values), running(xp, times(values, values))
    found = []
    for span in spans:
        start, end = rows.valued_range(span)
        n, total = end - start, over(singles, start, end)
        spread = as_floats(_difference(n, over(squares, start, end), total, total))
        pairs = n * (n - 1.0)
        deviation = (spread / xp.maximum(pairs, 1.0)) ** 0.5 * unit / rows.scale
        found.append(xp.where(pairs > 0, deviation, xp.nan))
    return found


def _difference(n: Any, both: Limbs, left: Limbs, right: Limbs) -> Limbs:
    """``n`` times the sum of products less the product of sums."""
    of_sums = times(left, right)
    many = times([n], both)
    return minus(many + [0] * (len(of_sums) - len(many)), of_sums)


def _values(rows: Selection) -> tuple[Limbs, float]:
    """Values of the rows that have one, by position, as whole numbers of a unit (before the scale)."""
    xp = rows.line.xp
    values = rows.values[rows.line.order[rows.valued_positions]]
    if rows.is_exact:
        return limbs_of_wholes(values.astype(xp.int64)), 1.0
    require_summable(xp, values)
    return limbs_of_floats(xp, values), FLOAT_UNIT
