"""Days: always ``YYYY-MM-DD``, in the time zone that the pipeline declares.

Why: every module shifts and lists days, and all use one form.
Promise: strings in, strings out; a malformed day is refused with what was expected.
"""

from datetime import date, timedelta

from pipelines.core.errors import ConfigError


def parse_day(day: str, what: str = "day") -> date:
    """Parse a day string.

    Raises:
        ConfigError: Not a calendar day of the form ``YYYY-MM-DD``.
    """
    try:
        parsed = date.fromisoformat(day)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{what} {day!r} is not a calendar day. Write it as YYYY-MM-DD, such as 2026-01-31."
        ) from error
    if parsed.isoformat() != day:
        raise ConfigError(f"{what} {day!r} is not of the form YYYY-MM-DD, such as {parsed}.")
    return parsed


def shift(day: str, days: int) -> str:
    """The day so many days later (earlier if negative).

    Raises:
        ConfigError: The calendar has no such day.
    """
    try:
        return (parse_day(day) + timedelta(days=days)).isoformat()
    except OverflowError as error:
        raise ConfigError(
            f"{abs(days):,} days {'after' if days > 0 else 'before'} {day} is outside the calendar "
            f"({date.min} to {date.max}). Choose another day, or settings that span fewer days."
        ) from error


def days_between(first: str, last: str) -> list[str]:
    """Every day from the first to the last, both included; empty if last is before first."""
    start, end = parse_day(first), parse_day(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]
