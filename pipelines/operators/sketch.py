"""A quantile sketch that merges exactly: the number of values in each cell of a fixed grid.

Why: quantiles of a month must follow from the days' small files, in any order.
Promise: cells are those of float64's first 10 fraction bits, so a cell is at most 2**-10 of its
    values wide, and integers up to 2,048 each are the lowest value of a separate cell. Counts are
    added, so a merge is exact in any order and any grouping; every quantile is an edge of the grid,
    at most a cell away from the exact quantile.
Source: a fixed log-linear grid, as in Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable
    quantile sketch with relative-error guarantees", VLDB 2019.
"""

import math
from collections.abc import Sequence
from typing import Any

from pipelines.operators.array_types import Array
from pipelines.operators.values import on_host

FRACTION_BITS = 10
DROPPED_BITS = 52 - FRACTION_BITS
# A grid range up to this many cells is counted in an array, faster than by sorting.
DENSE_CELLS = 1 << 20

State = dict[str, Any]


def cells_of(xp: Any, values: Any) -> Array:
    """The cell of each number, int64, in the order of the numbers; -0.0 is 0.0."""
    bits = (values + 0.0).view(xp.int64)
    # A cell starts at its lowest number: for negative ones the largest magnitude.
    magnitude = bits & ((1 << 63) - 1)
    below_zero = -(((magnitude - 1) >> DROPPED_BITS) + 1)
    return xp.where(bits < 0, below_zero, magnitude >> DROPPED_BITS)


def lowest_of(cell: int) -> float:
    """Smallest number of a cell."""
    import numpy as np

    magnitude = float(np.int64(abs(cell) << DROPPED_BITS).view(np.float64))
    return math.copysign(magnitude, cell)


def sketch_of(xp: Any, values: Any) -> State:
    """Cells with known values, ascending, and the count of each."""
    import numpy as np

    cells = cells_of(xp, values[xp.isfinite(values)])
    if not len(cells):
        return _state(np.zeros(0, np.int64), np.zeros(0, np.int64))
    first = int(cells.min())
    if int(cells.max()) - first < DENSE_CELLS:
        counts = xp.bincount(cells - first)
        held = xp.flatnonzero(counts)
        return _state(on_host(held + first), on_host(counts[held]))
    held, counts = xp.unique(cells, return_counts=True)
    return _state(on_host(held), on_host(counts))


def merged_sketches(parts: Sequence[State]) -> State:
    """Merge several sketches by adding their counts."""
    import numpy as np

    cells = np.concatenate([part["table"]["cell"] for part in parts])
    counts = np.concatenate([part["table"]["count"] for part in parts])
    held, index = np.unique(cells, return_inverse=True)
    total = np.zeros(len(held), np.int64)
    np.add.at(total, index, counts)
    return _state(held, total)


def quantiles(state: State, shares: Sequence[float]) -> list[float]:
    """For each share the lowest number of the cell that contains its quantile.

    A share of 0.5 is the (lower) median. Empty for a sketch without values.
    """
    import numpy as np

    cells, counts = state["table"]["cell"], state["table"]["count"]
    if not len(cells):
        return []
    reached = np.cumsum(counts)
    total = int(reached[-1])
    ranks = [min(max(int(np.ceil(share * total)), 1), total) for share in shares]
    return [lowest_of(int(cells[n])) for n in np.searchsorted(reached, ranks)]


def mean_ranks(state: State, shares: Sequence[float]) -> tuple[list[float], list[float]]:
    """The lowest numbers of the cells that contain some quantiles, and the share of values below each.

    Of the values in a cell, half count as below it. Fewer cells than shares are all there.
    """
    import numpy as np

    cells, counts = state["table"]["cell"], state["table"]["count"]
    reached = np.cumsum(counts)
    total = int(reached[-1]) if len(cells) else 0
    ranks = np.ceil(np.array(shares) * total).clip(1, max(total, 1))
    all_fit = len(cells) <= len(shares)
    at = np.arange(len(cells)) if all_fit else np.unique(np.searchsorted(reached, ranks))
    below = (reached[at] - counts[at] / 2) / max(total, 1)
    return [lowest_of(int(cell)) for cell in cells[at]], below.tolist()


def _state(cells: Any, counts: Any) -> State:
    return {"table": {"cell": cells.astype("int64"), "count": counts.astype("int64")}}
