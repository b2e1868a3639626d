"""The distribution of a day's feature values, in a small profile that merges over days.

Why: drift between this month's data and the champion's training data must be measured without
    reading either month again.
Promise: counts on one fixed grid, so a merge is exact in any order; about a hundred numbers per
    feature. The same features give the same bytes.
Not here: thresholds of drift (``pipelines/shared/expectations/``).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipelines.operators.array_types import Array

# Of the ten fraction bits of the sketch's grid three are kept: a cell is an eighth of its power
# of two wide.
COARSER_BITS = 7
BINS = 10
# Half a row in every bin, so that a bin that is empty on one side gives a large, finite value.
SMOOTHING = 0.5

Profile = dict[str, Any]
Counts = dict[int, int]


def profile_of(features: Mapping[str, Any]) -> Profile:
    """The profile of float64 columns, each of shape ``(n_rows,)``, NaN where unknown."""
    import numpy as np

    found: Profile = {}
    for name, values in features.items():
        known = values[np.isfinite(values)]
        cells, counts = _counted(_cells(known))
        found[name] = {
            "rows": len(values),
            "known": len(known),
            "cells": cells.tolist(),
            "counts": counts.tolist(),
        }
    return found


def merge_profiles(parts: Iterable[Profile]) -> Profile:
    """Merge the profiles of disjoint rows; a column may be missing in some of them."""
    merged: Profile = {}
    for part in parts:
        for name, column in part.items():
            into = merged.setdefault(name, {"rows": 0, "known": 0, "at": {}})
            into["rows"] += column["rows"]
            into["known"] += column["known"]
            for cell, count in zip(column["cells"], column["counts"], strict=True):
                into["at"][cell] = into["at"].get(cell, 0) + count
    for column in merged.values():
        at = column.pop("at")
        column["cells"] = sorted(at)
        column["counts"] = [at[cell] for cell in column["cells"]]
    return merged


def psi(reference: Mapping[str, Any], current: Mapping[str, Any]) -> float:
    """Population stability index of one column's values; 0 where nothing changed.

    Bins are tenths of the reference's rows, one below and one above all of them, and one for the
    rows without a value.

    Source:
        The symmetrised Kullback-Leibler divergence (Jeffreys, "An invariant form for the prior
        probability in estimation problems", 1946), as credit scoring uses it.
    """
    before, now = _shares(reference, current)
    return sum((p - q) * math.log(p / q) for q, p in zip(before, now, strict=True))


def jensen_shannon(reference: Mapping[str, Any], current: Mapping[str, Any]) -> float:
    """Jensen-Shannon divergence of the same bins in bits: 0 for equal, 1 for disjoint columns.

    Source:
        Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information
        Theory 37, 1991.
    """
    before, now = _shares(reference, current)
    total = 0.0
    for q, p in zip(before, now, strict=True):
        middle = (p + q) / 2
        total += (p * math.log2(p / middle) + q * math.log2(q / middle)) / 2
    return max(total, 0.0)


def _cells(values: Any) -> Array:
    import numpy as np

    from pipelines.operators.sketch import cells_of

    return cells_of(np, values) >> COARSER_BITS


def _counted(cells: Any) -> tuple[Any, Any]:
    """Distinct cells in ascending order, and their counts; there are at most 2**15 cells."""
    import numpy as np

    first = int(cells.min()) if len(cells) else 0
    counts = np.bincount(cells - first)
    held = np.flatnonzero(counts)
    return held + first, counts[held]


def _shares(
    reference: Mapping[str, Any], current: Mapping[str, Any]
) -> tuple[list[float], list[float]]:
    """Share of rows in each bin on both sides."""
    ends = _ends(reference)
    before, now = _binned(reference, ends), _binned(current, ends)
    return _smoothed(before), _smoothed(now)


def _ends(column: Mapping[str, Any]) -> list[int]:
    """Last cell of each bin but the upper two; values outside of the reference have their own bins.

    A bin ends where a further tenth of the known rows is reached; a cell with a tenth of the rows
    (a flag, a common 0) is a bin of its own.
    """
    if not column["known"]:
        return []
    tenth = column["known"] / BINS
    ends, reached = {column["cells"][0] - 1, column["cells"][-1]}, 0
    for cell, count in zip(column["cells"], column["counts"], strict=True):
        if count >= tenth:
            ends.add(cell - 1)
        if (reached + count) // tenth > reached // tenth:
            ends.add(cell)
        reached += count
    return sorted(ends)


def _binned(column: Mapping[str, Any], ends: Sequence[int]) -> list[int]:
    bins = [0] * (len(ends) + 2)
    nth = 0
    for cell, count in zip(column["cells"], column["counts"], strict=True):
        while nth < len(ends) and cell > ends[nth]:
            nth += 1
        bins[nth] += count
    bins[-1] = column["rows"] - column["known"]
    return bins


def _smoothed(bins: Sequence[int]) -> list[float]:
    total = sum(bins) + SMOOTHING * len(bins)
    return [(count + SMOOTHING) / total for count in bins]
