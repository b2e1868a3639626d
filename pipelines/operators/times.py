"""Calendar features of a timestamp: ``Hour``, ``Weekday``, ``Weekend``, ``Night``.

All are of local time in the pipeline's time zone (``local_time.py``).
"""

from collections.abc import Iterator
from typing import Any

from pipelines.core.declared import declared
from pipelines.operators.array_types import Array
from pipelines.operators.operator import FeatureSource

HOUR_S, DAY_S = 3_600, 86_400
# 1970-01-01 was a Thursday: day 0 has weekday 3, Monday being 0.
EPOCH_WEEKDAY, SATURDAY = 3, 5


class TimeSource(FeatureSource):
    """A column computed from a timestamp of the row.

    Attributes:
        column: Name of the timestamp column.
    """

    column: str

    def reads(self) -> tuple[str, ...]:
        """The timestamp."""
        return (self.column,)

    def of(self, xp: Any, local_s: Any) -> Array:
        """Its values, float64, from whole local seconds since 1970 as float64, NaN for null."""
        raise NotImplementedError


@declared
class Hour(TimeSource):
    """The hour, 0 to 23."""

    column: str

    def names(self) -> tuple[str, ...]:
        """One number."""
        return ("hour",)

    def of(self, xp: Any, local_s: Any) -> Array:
        """The hour that local clocks show."""
        return _hour(xp, local_s)


@declared
class Weekday(TimeSource):
    """The weekday, Monday 0 to Sunday 6."""

    column: str

    def names(self) -> tuple[str, ...]:
        """One number."""
        return ("weekday",)

    def of(self, xp: Any, local_s: Any) -> Array:
        """Days since a Monday, modulo 7."""
        return _weekday(xp, local_s)


@declared
class Weekend(TimeSource):
    """1.0 where a timestamp falls on Saturday or Sunday, local time."""

    column: str

    def names(self) -> tuple[str, ...]:
        """One flag."""
        return ("during_weekend",)

    def of(self, xp: Any, local_s: Any) -> Array:
        """A flag."""
        return _flag(xp, _weekday(xp, local_s) >= SATURDAY, local_s)


@declared
class Night(TimeSource):
    """1.0 where a timestamp's hour is ``last_hour`` or earlier, local time (06:59 is night at 6).

    Attributes:
        last_hour: Last hour of the night, 0 to 23; a night begins at midnight.
    """

    column: str
    last_hour: int = 6

    def names(self) -> tuple[str, ...]:
        """One flag."""
        return ("during_night",)

    def problems(self) -> Iterator[str]:
        """A last hour that is not between 0 and 23."""
        if self.last_hour not in range(24):
            yield f"Night: last_hour must be an hour, 0 to 23; got {self.last_hour!r}."

    def of(self, xp: Any, local_s: Any) -> Array:
        """A flag."""
        return _flag(xp, _hour(xp, local_s) <= self.last_hour, local_s)


def _hour(xp: Any, local_s: Any) -> Array:
    # A quarter of the time of % and // on floats, and exact for whole numbers below 2**53.
    return xp.floor(local_s / HOUR_S) - DAY_S // HOUR_S * xp.floor(local_s / DAY_S)


def _weekday(xp: Any, local_s: Any) -> Array:
    day = xp.floor(local_s / DAY_S) + EPOCH_WEEKDAY
    return day - 7 * xp.floor(day / 7)


def _flag(xp: Any, is_set: Any, local_s: Any) -> Array:
    return xp.where(xp.isnan(local_s), xp.nan, is_set.astype(xp.float64))
