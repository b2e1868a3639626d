"""Days of a time zone as numbers since 1970, for arrays of times.

Promise: a day is the same one as the partition of a day that ``pipelines/core/partitions.py`` gives an instant,
    also where clocks go back over midnight, and where a day is left out.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.core.zones import ZoneTable, zone_table
from pipelines.operators.local_time import instants
from pipelines.shared.tables.versions import DAY_S, SECOND_US, local_days

Days = NDArray[np.int64]


def days_of(time_us: NDArray[np.int64], zone: str) -> Days:
    """The day of each instant, shape ``(n,)``."""
    days = local_days(time_us, zone)
    table = zone_table(zone)
    if table.is_utc() or not len(days):
        return days
    first = int(days.min())
    ends = starts_s(np.arange(first + 1, int(days.max()) + 2), table)
    # Clocks may show the evening of a day again that is over.
    return days + (time_us // SECOND_US >= ends[days - first])


def starts_s(days: Days, zone: ZoneTable) -> NDArray[np.int64]:
    """The second in UTC at which each day begins."""
    found = instants(np, days * DAY_S, zone)
    # A midnight that the clocks go over is the moment at which they do.
    return np.where(found.occurs == 0, found.second_s, found.first_s)


def last_seconds(days: Days, zone: str) -> NDArray[np.int64]:
    """The last second of each day, in UTC."""
    return starts_s(days + 1, zone_table(zone)) - 1


def exist(days: Days, zone: str) -> NDArray[np.bool_]:
    """Mask of the days that the zone has: Samoa had no 30 December 2011."""
    return starts_s(days, zone_table(zone)) <= last_seconds(days, zone)
