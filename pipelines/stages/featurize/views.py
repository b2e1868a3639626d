"""Who sees what: the rows that were known when a row itself became known.

Why: a late row or a correction must not change what an earlier row saw of its entity.
Promise: rows that became known on the same day see the same: of each row id the newest version
    known by the end of that day, in another table too. Without known times there is one view, of
    everything; of another table that has them, what was known by the end of the partition.
Not here: what is then computed (``windows.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.values import on_host
from pipelines.shared.tables.history import ENTITY, KNOWN, UNTIL


@dataclass(frozen=True, slots=True)
class View:
    """Rows that some of a day's rows see, these among them.

    Attributes:
        columns: History columns of the visible rows.
        asks: Which of them ask, bool; None for the last ones, or where those that ask are of another table.
        own: Positions of those among all rows, on the host, shape ``(n_asked,)``.
    """

    columns: dict[str, Any]
    asks: Any
    own: NDArray[np.int64]


def views(xp: Any, columns: dict[str, Any], n_own: int) -> Iterator[View]:
    """What the last ``n_own`` rows see, one view a day on which some of them became known."""
    n_rows = len(columns[ENTITY])
    if KNOWN not in columns:
        yield View(columns, None, np.arange(n_rows - n_own, n_rows))
        return
    known, until, entity = columns[KNOWN], columns[UNTIL], columns[ENTITY]
    for day in on_host(xp.unique(known[n_rows - n_own :])).tolist():
        visible = (known <= day) & (until > day)
        asks = visible & (known == day)
        asks[: n_rows - n_own] = False
        if 2 * int(asks.sum()) < n_own:
            # Few rows ask: those of other entities need no sorting.
            visible &= xp.isin(entity, entity[asks])
        rows = xp.flatnonzero(visible)
        seen = {n: c[rows] for n, c in columns.items() if n not in (KNOWN, UNTIL)}
        yield View(seen, asks[rows], on_host(xp.flatnonzero(asks)))


def views_of_others(
    xp: Any, columns: dict[str, Any], own: dict[str, Any], known_by: int
) -> Iterator[View]:
    """What a partition's rows see of another table.

    Args:
        xp: numpy or cupy.
        columns: History columns of the other table's rows.
        own: Those of the partition's rows.
        known_by: The last day that is over when the partition is, counted from 1970.
    """
    if KNOWN not in own:
        yield View(_known_by(xp, columns, known_by), None, np.arange(len(own[ENTITY])))
        return
    known, until = own[KNOWN], own[UNTIL]
    for day in on_host(xp.unique(known)).tolist():
        asks = (known == day) & (until > day)
        yield View(_known_by(xp, columns, day), None, on_host(xp.flatnonzero(asks)))


def _known_by(xp: Any, columns: dict[str, Any], day: int) -> dict[str, Any]:
    if KNOWN not in columns:
        return columns
    rows = xp.flatnonzero((columns[KNOWN] <= day) & (columns[UNTIL] > day))
    return {n: c[rows] for n, c in columns.items() if n not in (KNOWN, UNTIL)}
