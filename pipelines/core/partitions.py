"""Partitions: the hours, days, weeks, months, quarters or years that a table is divided into.

Why: a table is scheduled, retried and backfilled by partition; every module shifts, lists and
    bounds partitions in one way, whatever their grain and time zone.
Promise: keys sort by time; only the standard library is imported.

A key is ``2026-01-31T05`` (an hour), ``2026-01-31``, ``2026-W05`` (ISO 8601), ``2026-01``,
``2026-Q1``, ``2026``, or ``all`` for a table without times. Days, weeks and longer begin at midnight
in the time zone, so a day may have 23 or 25 hours; an hour is one of UTC, because a local hour can
occur twice.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.core.days import parse_day
from pipelines.core.errors import ConfigError
from pipelines.core.text import counted

HOUR, DAY, WEEK, MONTH, QUARTER, YEAR = GRAINS = (
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
)
ALL = "all"
"""Grain, and only key, of a table whose rows have no time."""

NOMINAL_DAYS = {HOUR: 1 / 24, DAY: 1, WEEK: 7, MONTH: 365.2425 / 12, QUARTER: 365.2425 / 4}
NOMINAL_DAYS |= {YEAR: 365.2425}

EXAMPLES = {
    HOUR: "2026-01-31T05",
    DAY: "2026-01-31",
    WEEK: "2026-W05",
    MONTH: "2026-01",
    QUARTER: "2026-Q1",
    YEAR: "2026",
    ALL: ALL,
}
FORMS = {
    HOUR: r"(\d{4})-(\d\d)-(\d\d)T(\d\d)",
    DAY: r"(\d{4})-(\d\d)-(\d\d)",
    WEEK: r"(\d{4})-W(\d\d)",
    MONTH: r"(\d{4})-(\d\d)",
    QUARTER: r"(\d{4})-Q([1-4])",
    YEAR: r"(\d{4})",
}
_HOURS, _MONTHS, _QUARTERS = 24, 12, 4
_BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)
_AFTER_ALL = datetime(9999, 12, 31, tzinfo=UTC)


def grain_of(key: str, what: str = "partition") -> str:
    """The grain that a key is of.

    Raises:
        ConfigError: It is a key of none.
    """
    for grain in (*GRAINS, ALL):
        try:
            Partitions(grain).number(key)
        except (TypeError, ValueError, OverflowError):
            continue
        return grain
    raise ConfigError(
        f"{what} {key!r} is not a partition. Write a day as 2026-01-31, an hour as 2026-01-31T05, a "
        f"week as 2026-W05, a month as 2026-01, a quarter as 2026-Q1, a year as 2026; a table without "
        f"times has the partition 'all'."
    )


@dataclass(frozen=True, slots=True)
class Partitions:
    """The partitions of a table.

    Attributes:
        grain: One of ``GRAINS``, or ``ALL`` for a single partition.
        zone: Time zone of the days, by its IANA name.
    """

    grain: str = DAY
    zone: str = "UTC"

    def parse(self, key: str, what: str = "partition") -> str:
        """The key, if it is one.

        Raises:
            ConfigError: It is not a partition of this grain.
        """
        try:
            if self.key(self.number(key)) == key:
                return key
        except (TypeError, ValueError, OverflowError):
            pass
        if self.grain == DAY:
            parse_day(key, what)
        raise ConfigError(
            f"{what} {key!r} is not {self.noun}. Write it as in {EXAMPLES[self.grain]!r}."
        )

    @property
    def noun(self) -> str:
        """What a partition is, in messages."""
        if self.grain == ALL:
            return "'all', the only partition of a table without times"
        return f"{'an' if self.grain == HOUR else 'a'} {self.grain}"

    def number(self, key: str) -> int:
        """Consecutive number of a partition.

        Raises:
            ValueError: It is not a key of this grain.
        """
        if self.grain == ALL:
            if key != ALL:
                raise ValueError(key)
            return 0
        found = re.fullmatch(FORMS[self.grain], key)
        if found is None:
            raise ValueError(key)
        parts = [int(part) for part in found.groups()]
        return _NUMBER[self.grain](*parts)

    def key(self, number: int) -> str:
        """Key of the partition with that number."""
        return ALL if self.grain == ALL else _KEY[self.grain](number)

    def shift(self, key: str, by: int) -> str:
        """The partition so many later (earlier if negative).

        Raises:
            ConfigError: The calendar has no such partition.
        """
        try:
            return self.key(self.number(key) + by)
        except (ValueError, OverflowError) as error:
            raise ConfigError(
                f"{counted(abs(by), 'partition')} {'after' if by > 0 else 'before'} {key} is outside the "
                f"calendar. Choose another partition, or settings that span less time."
            ) from error

    def between(self, first: str, last: str) -> list[str]:
        """Every partition from the first to the last; empty if last is before first."""
        return [self.key(n) for n in range(self.number(first), self.number(last) + 1)]

    def start(self, key: str) -> datetime:
        """The instant at which a partition begins, in UTC."""
        if self.grain == ALL:
            return _BEFORE_ALL
        number = self.number(key)
        if self.grain == HOUR:
            return datetime.min.replace(tzinfo=UTC) + timedelta(hours=number - _HOURS)
        return _midnight(_FIRST_DAY[self.grain](number), self.zone)

    def end(self, key: str) -> datetime:
        """The instant at which a partition is over, in UTC."""
        if self.grain == ALL:
            return _AFTER_ALL
        return self.start(self.shift(key, 1))

    def bounds(self, key: str) -> tuple[datetime, datetime]:
        """The instants at which a partition begins and is over, in UTC."""
        return self.start(key), self.end(key)

    def first_day(self, key: str) -> str:
        """The day in which a partition begins, in its time zone."""
        return self._day(self.start(key))

    def last_day(self, key: str) -> str:
        """The day in which a partition ends."""
        return self._day(self.end(key) - timedelta(microseconds=1))

    def of_time(self, instant: datetime) -> str:
        """The partition that contains an instant."""
        if self.grain == ALL:
            return ALL
        if self.grain == HOUR:
            return instant.astimezone(UTC).strftime("%Y-%m-%dT%H")
        local = instant.astimezone(ZoneInfo(self.zone))
        key = self.key(_OF_DAY[self.grain](local.date()))
        # Where clocks go back over midnight, the day before is over at the first midnight.
        return self.shift(key, 1) if local.fold and instant >= self.end(key) else key

    def of_day(self, day: str) -> str:
        """The partition in which a day begins."""
        return self.of_time(_midnight(parse_day(day), self.zone))

    def of_days(self, first: str, last: str) -> list[str]:
        """Every partition that has a part of the days from the first to the last."""
        if self.grain == ALL:
            return [ALL]
        after = _midnight(parse_day(last) + timedelta(days=1), self.zone)
        last_key = self.of_time(after - timedelta(microseconds=1))
        return self.between(self.of_day(first), last_key)

    def closed_by(self, instant: datetime) -> str:
        """The last partition that is over at an instant."""
        if self.grain == ALL:
            return ALL
        return self.shift(self.of_time(instant), -1)

    def described(self, key: str) -> str:
        """A key with what it is of, for messages: ``the month 2026-01 (Europe/Berlin)``."""
        if self.grain == ALL:
            return "all rows"
        zone = "UTC" if self.grain == HOUR else self.zone
        return f"the {self.grain} {key} ({zone})"

    @property
    def note(self) -> str:
        """What follows a key in messages where its days are not those of UTC: `` (Europe/Berlin)``."""
        return "" if self.grain in (HOUR, ALL) or self.zone == "UTC" else f" ({self.zone})"

    def _day(self, instant: datetime) -> str:
        zone = UTC if self.grain == ALL else ZoneInfo(self.zone)
        return instant.astimezone(zone).date().isoformat()


def _midnight(day: date, zone: str) -> datetime:
    try:
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except OverflowError as error:
        raise ConfigError(
            f"{day} in {zone} is outside the calendar, which is in UTC. Choose a later day."
        ) from error


def _monday(number: int) -> date:
    return date.fromordinal(number * 7 + 1)


def _hour_key(number: int) -> str:
    days, hour = divmod(number, _HOURS)
    return f"{date.fromordinal(days).isoformat()}T{hour:02}"


def _week_key(number: int) -> str:
    year, week, _ = _monday(number).isocalendar()
    return f"{year:04}-W{week:02}"


def _month_key(number: int) -> str:
    year, month = divmod(number, _MONTHS)
    return f"{date(year, month + 1, 1):%Y-%m}"


def _quarter_key(number: int) -> str:
    year, quarter = divmod(number, _QUARTERS)
    return f"{date(year, 1, 1).year:04}-Q{quarter + 1}"


def _hour_number(year: int, month: int, day: int, hour: int) -> int:
    if hour >= _HOURS:
        raise ValueError(hour)
    return date(year, month, day).toordinal() * _HOURS + hour


_NUMBER: dict[str, Callable[..., int]] = {
    HOUR: _hour_number,
    DAY: lambda y, m, d: date(y, m, d).toordinal(),
    WEEK: lambda y, w: (date.fromisocalendar(y, w, 1).toordinal() - 1) // 7,
    MONTH: lambda y, m: y * _MONTHS + date(y, m, 1).month - 1,
    QUARTER: lambda y, q: y * _QUARTERS + q - 1,
    YEAR: lambda y: date(y, 1, 1).year,
}
_KEY: dict[str, Callable[[int], str]] = {
    HOUR: _hour_key,
    DAY: lambda n: date.fromordinal(n).isoformat(),
    WEEK: _week_key,
    MONTH: _month_key,
    QUARTER: _quarter_key,
    YEAR: lambda n: f"{date(n, 1, 1).year:04}",
}
_FIRST_DAY: dict[str, Callable[[int], date]] = {
    DAY: date.fromordinal,
    WEEK: _monday,
    MONTH: lambda n: date(n // _MONTHS, n % _MONTHS + 1, 1),
    QUARTER: lambda n: date(n // _QUARTERS, n % _QUARTERS * 3 + 1, 1),
    YEAR: lambda n: date(n, 1, 1),
}
_OF_DAY: dict[str, Callable[[date], int]] = {
    DAY: date.toordinal,
    WEEK: lambda d: (d.toordinal() - 1) // 7,
    MONTH: lambda d: d.year * _MONTHS + d.month - 1,
    QUARTER: lambda d: d.year * _QUARTERS + (d.month - 1) // 3,
    YEAR: lambda d: d.year,
}
