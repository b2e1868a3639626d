"""Schedules: when the tables of each grain are taken in, and mistakes in declared cron expressions.

Why: a daily tick of a monthly table would take in each month thirty times, a weekly tick of a daily
    table one day in seven; both are said before Airflow parses the DAG.
Promise: importing this module imports nothing but the standard library.
Not here: the instants of the ticks, which are Airflow's.
"""

import re
from collections.abc import Callable, Iterator

from pipelines.core.days import parse_day
from pipelines.core.errors import ConfigError
from pipelines.core.partitions import DAY, GRAINS, HOUR, MONTH, QUARTER, WEEK, YEAR
from pipelines.spec.pipeline import Pipeline

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FORMS = {
    HOUR: "{minute} * * * *",
    DAY: "{minute} {hour} * * *",
    WEEK: "{minute} {hour} * * 1",
    MONTH: "{minute} {hour} 1 * *",
    QUARTER: "{minute} {hour} 1 1,4,7,10 *",
    YEAR: "{minute} {hour} 1 1 *",
}
"""When a partition of each grain is taken in: as soon as it is over, or at a later time of that day."""

FIELDS = {
    "minute": range(60),
    "hour": range(24),
    "day of month": range(1, 32),
    "month": range(1, 13),
    "day of week": range(7),
}
_NAMES = {
    "month": [
        "jan",
        "feb",
        "mar",
        "apr",
        "may",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
    ],
    "day of week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_PART = re.compile(r"(?P<low>\*|\w+)(-(?P<high>\w+))?(/(?P<step>[1-9]\d*))?", re.ASCII)
_SOME_DAYS = {
    "day of month": re.compile(r"L", re.IGNORECASE),
    "day of week": re.compile(r"L[0-7]|[0-7]#[1-5]", re.IGNORECASE),
}
_SURE_DAY, _SUNDAY, _MONTHS_OF_QUARTER = 28, 7, 3

_ONCE = {
    HOUR: ("one", "*", "*", "*", "*"),
    DAY: ("one", "one", "*", "*", "*"),
    WEEK: ("one", "one", "*", "*", "one"),
    MONTH: ("one", "one", "one", "*", "*"),
    QUARTER: ("one", "one", "one", "a quarter", "*"),
    YEAR: ("one", "one", "one", "one", "*"),
}

Fields = tuple[frozenset[int], ...]


def schedule_problems(pipeline: Pipeline) -> Iterator[str]:
    """What is wrong with a pipeline's schedule."""
    schedule = pipeline.schedule
    checks: list[tuple[Callable[..., object], tuple[str, ...]]] = [
        (parse_day, (schedule.start, "schedule.start")),
        (parse_cron, (schedule.model_cron, "schedule.model_cron")),
    ]
    grains = [table.grain for table in pipeline.tables if table.name == pipeline.examples]
    if schedule.data_cron and grains:
        named = (schedule.data_cron, *grains[:1], "schedule.data_cron")
        checks.append((require_once_a_partition, named))
    for check, arguments in checks:
        try:
            check(*arguments)
        except ConfigError as error:
            yield str(error)


def parse_cron(cron: str, what: str = "cron") -> Fields:
    """The values of the five fields of an expression; none of a field such as ``L``, the month's last day.

    Args:
        cron: Five fields, or a preset such as ``@daily``.
        what: What messages call it.

    Raises:
        ConfigError: It is not a cron expression.
    """
    words = PRESETS.get(cron, cron).split() if isinstance(cron, str) else []
    if len(words) != len(FIELDS):
        raise ConfigError(
            f"{what} {cron!r} is not a cron expression. Write its five fields ({', '.join(FIELDS)}), "
            f"such as '30 2 * * *', or one of {', '.join(PRESETS)}."
        )
    try:
        return tuple(map(_values, words, FIELDS))
    except ValueError as error:
        raise ConfigError(
            f"{what} {cron!r}: {error}. Write numbers, lists (1,4), ranges (1-5), steps (*/3) or *."
        ) from error


def cron_of(grain: str, like: str = "") -> str:
    """When a table of a grain is taken in, at the minute and hour of another expression or at midnight."""
    minute, hour = (PRESETS.get(like, like).split() or ["0", "0"])[:2]
    hour = "0" if hour == "*" else hour
    return FORMS[grain].format(minute=minute, hour=hour)


def require_once_a_partition(cron: str, grain: str, what: str) -> None:
    """Check that an expression ticks once in every partition.

    Raises:
        ConfigError: It does not, or is not a cron expression.
    """
    if grain in GRAINS and not _is_once(parse_cron(cron, what), grain):
        form = FORMS[grain].format(minute="<minute>", hour="<hour>")
        raise ConfigError(
            f"{what} {cron!r} does not tick once a {grain}, and the examples' table has the grain "
            f"{grain}, of which every partition is taken in once. Leave it out for "
            f"{cron_of(grain)!r}, or write {form!r}."
        )


def _values(word: str, field: str) -> frozenset[int]:
    if word == "?" and field in _SOME_DAYS:
        word = "*"
    if field in _SOME_DAYS and _SOME_DAYS[field].fullmatch(word):
        return frozenset()
    return frozenset(n for part in word.split(",") for n in _part(part, field))


def _part(part: str, field: str) -> Iterator[int]:
    allowed, found = FIELDS[field], _PART.fullmatch(part)
    if found is None:
        raise ValueError(f"{field} {part!r} is not a value")
    low, high, step = found["low"], found["high"], found["step"]
    first = allowed[0] if low == "*" else _number(low, field)
    last = _number(high, field) if high else allowed[-1] if low == "*" or step else first
    if high and first == last:
        # croniter, which Airflow asks, takes 1-1 for every value.
        raise ValueError(f"{field} {part!r} is a range of one value; write {first}")
    # A range may go on from the first value after the last: 22-4.
    around = [*range(first, allowed[-1] + 1), *range(allowed[0], last + 1)]
    numbers = range(first, last + 1) if first <= last else around
    yield from numbers[:: int(step or 1)]


def _number(text: str, field: str) -> int:
    allowed, names = FIELDS[field], _NAMES.get(field, [])
    number = int(text) if text.isdigit() else -1
    if field == "day of week" and number == _SUNDAY:
        number = 0
    if text.lower() in names:
        number = names.index(text.lower()) + allowed[0]
    if number not in allowed:
        raise ValueError(f"{field} {text!r} is not one of {allowed[0]} to {allowed[-1]}")
    return number


def _is_once(fields: Fields, grain: str) -> bool:
    """Whether each field is one value, every value (``*``), or of months one in each quarter."""
    minute, hour, day, month, weekday = map(_kind, FIELDS, fields)
    if day == "one" and max(fields[2]) > _SURE_DAY:
        day = "not in every month"
    return (minute, hour, day, month, weekday) == _ONCE[grain]


def _kind(field: str, values: frozenset[int]) -> str:
    if values == set(FIELDS[field]):
        return "*"
    if field == "month" and _one_a_quarter(values):
        return "a quarter"
    return "one" if len(values) == 1 else "several"


def _one_a_quarter(months: frozenset[int]) -> bool:
    return sorted((month - 1) // _MONTHS_OF_QUARTER for month in months) == [0, 1, 2, 3]
