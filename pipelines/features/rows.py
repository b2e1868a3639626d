"""Features of a row by itself: its numbers and the calendar of its time.

Why: they need no history, so they are computed once over the day's whole table.
Promise: nulls become NaN, which the statistics leave out; a flag of a null time is NaN too.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.features.program import DAY_S
from pipelines.spec import Night, Numeric, Pipeline, Weekend

HOUR_S = 3_600
MICROSECONDS = 1_000_000
# 1970-01-01 was a Thursday: day 0 has weekday 3, Monday being 0.
EPOCH_WEEKDAY = 3
SATURDAY = 5


def row_features(table: pa.Table, pipeline: Pipeline) -> dict[str, NDArray[np.float64]]:
    """Columns of every feature that reads its own row alone, by name, shape ``(n_rows,)``."""
    found = {}
    for feature in pipeline.features:
        if isinstance(feature, Numeric):
            found[feature.column] = _floats(table[feature.column])
        elif isinstance(feature, Weekend):
            time_s = _seconds(table[feature.column])
            weekday = (time_s // DAY_S + EPOCH_WEEKDAY) % 7
            found[feature.names()[0]] = _flag(weekday >= SATURDAY, time_s)
        elif isinstance(feature, Night):
            time_s = _seconds(table[feature.column])
            hour = time_s % DAY_S // HOUR_S
            found[feature.names()[0]] = _flag(hour <= feature.last_hour, time_s)
    return found


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return column.cast(pa.float64()).to_numpy()


def _seconds(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Seconds since the epoch; NaN where the time is null. Floats hold them exactly."""
    return np.floor(_floats(pc.cast(column, pa.int64())) / MICROSECONDS)


def _flag(is_set: NDArray[np.bool_], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(time_s), np.nan, is_set.astype(np.float64))
