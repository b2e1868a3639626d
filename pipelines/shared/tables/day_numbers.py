"""The day of each time, by the clock of a time zone, as a number.

Why: alerts are counted by days, whatever the grain of a table and the zone of its times.
"""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def day_numbers(times: pa.ChunkedArray, zone: str) -> NDArray[np.int64]:
    """Day of each time in a time zone, as ``date.toordinal`` counts them."""
    local = pc.local_timestamp(
        times.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone))
    )
    return local.cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64) + EPOCH_ORDINAL
