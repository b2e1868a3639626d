"""Local time from UTC and back, on arrays of whole seconds.

Why: hours, weekdays and nights are those of the people behind the rows.
Promise: equal to Python's ``datetime.astimezone`` in the years 1 to 9999. ``xp`` is numpy or cupy.
Not here: the offsets of a zone (``pipelines/core/zones.py``).
"""

from dataclasses import dataclass
from typing import Any

from pipelines.core.zones import LAST_S, PERIOD_S, ZoneTable
from pipelines.operators.array_types import Array


def local_seconds(xp: Any, utc_s: Any, zone: ZoneTable) -> Array:
    """Local seconds since 1970-01-01T00:00 on the zone's clocks; NaN stays.

    Args:
        xp: Array module.
        utc_s: Whole seconds since 1970 in UTC as float64, NaN for null.
        zone: The time zone.
    """
    if zone.is_utc():
        return utc_s
    starts, offsets = (xp.asarray(each, xp.float64) for each in (zone.starts_s, zone.offsets_s))
    # NaN is sorted last, so it has some offset, and remains NaN.
    period = xp.searchsorted(starts, _in_table(xp, utc_s), side="right") - 1
    return utc_s + offsets[period]


@dataclass(frozen=True, slots=True)
class Instants:
    """The instants that local times mean, shape ``(n,)``.

    Attributes:
        first_s: Seconds in UTC; of a time that occurs twice, the first.
        second_s: Seconds in UTC; of a time that occurs twice, the second.
        occurs: How often each occurs: 0 (the clocks went over it), 1 or 2; the others mean nothing
            where it is 0.
    """

    first_s: Any
    second_s: Any
    occurs: Any


def instants(xp: Any, local_s: Any, zone: ZoneTable) -> Instants:
    """The instants of local seconds, int64.

    Args:
        xp: Array module.
        local_s: Whole local seconds since 1970-01-01T00:00, int64.
        zone: The time zone.
    """
    starts, offsets = (xp.asarray(each, xp.int64) for each in (zone.starts_s, zone.offsets_s))
    within = _in_table(xp, local_s)
    # Periods overlap where clocks go back and leave a gap where they go forward.
    first = xp.searchsorted(starts[1:] + offsets[:-1], within, side="right")
    last = xp.searchsorted(starts[1:] + offsets[1:], within, side="right")
    return Instants(local_s - offsets[first], local_s - offsets[last], last - first + 1)


def _in_table(xp: Any, seconds: Any) -> Array:
    """Times after the end of the table as those of equal offset within it."""
    periods = (seconds - LAST_S) // PERIOD_S + 1
    return xp.where(seconds >= LAST_S, seconds - periods * PERIOD_S, seconds)
