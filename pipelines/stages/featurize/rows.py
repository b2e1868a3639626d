"""Features of a row by itself: its numbers, its categories and the calendar of its time.

Why: they need no history, so they are computed once over the day's whole table.
Promise: numbers come as float64 with NaN for null, which statistics leave out; categories come
    as they are, nulls and all.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.core.zones import zone_table
from pipelines.operators.local_time import local_seconds
from pipelines.operators.times import TimeSource
from pipelines.spec import Numeric

MICROSECONDS = 1_000_000


def row_features(
    table: pa.Table, sources: Iterable[Numeric | TimeSource], zone: str = "UTC"
) -> dict[str, NDArray[np.float64]]:
    """Numeric columns of sources that read their row alone, shape ``(n_rows,)``.

    Args:
        table: The rows.
        sources: The sources.
        zone: Time zone of the calendar.
    """
    found = {}
    for source in sources:
        if isinstance(source, Numeric):
            found[source.column] = _floats(table[source.column])
        else:
            local_s = local_seconds(np, _seconds(table[source.column]), zone_table(zone))
            found[source.names()[0]] = source.of(np, local_s)
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
