"""Features of a row by itself: its numbers, its categories, the calendar of its time, and what passed before.

Why: they need no history, so they are computed once over the day's whole table.
Promise: numbers come as float64 with NaN for null, which statistics leave out; categories come
    as they are, nulls and all. What is later than the row is unknown.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.core.zones import zone_table
from pipelines.operators.local_time import local_seconds
from pipelines.operators.times import TimeSource
from pipelines.spec import Numeric, Since

MICROSECONDS = 1_000_000


def row_features(
    table: pa.Table,
    sources: Iterable[Numeric | TimeSource | Since],
    zone: str = "UTC",
    time: str = "",
) -> dict[str, NDArray[np.float64]]:
    """Numeric columns of sources that read their row alone, shape ``(n_rows,)``.

    Args:
        table: The rows.
        sources: The sources.
        zone: Time zone of the calendar.
        time: Column of the rows' event times, which ``Since`` reads.
    """
    found = {}
    for source in sources:
        if isinstance(source, Numeric):
            found[source.column] = _floats(table[source.column])
        elif isinstance(source, Since):
            found[source.names()[0]] = elapsed(source, table[source.column], table[time])
        else:
            local_s = local_seconds(np, _seconds(table[source.column]), zone_table(zone))
            found[source.names()[0]] = source.of(np, local_s)
    return found


def elapsed(
    source: Since, since: pa.ChunkedArray, until: pa.ChunkedArray
) -> NDArray[np.float64]:
    """The time that passed from one timestamp to the other."""
    whole = (pc.fill_null(each.cast(pa.int64()), 0).to_numpy() for each in (until, since))
    known = pc.and_(pc.is_valid(since), pc.is_valid(until)).to_numpy()
    found: NDArray[np.float64] = source.of(np, np.subtract(*whole), known)
    return found


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    # Whole numbers above 2**53 go to the nearest float; a checked cast would stop at them.
    return column.cast(pa.float64(), safe=False).to_numpy()


def _seconds(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Seconds since the epoch; NaN where the time is null. Floats hold them exactly.

    Microseconds are not all floats: those beyond 1684 and 2255 would move into the next hour.
    """
    whole = pc.fill_null(pc.cast(column, pa.int64()), 0).to_numpy() // MICROSECONDS
    return np.where(pc.is_valid(column).to_numpy(), whole.astype(np.float64), np.nan)
