"""Fields of a source's path, such as ``{day}``, and their values in a partition.

Why: a path that has less than the grain needs would read the same file into many partitions, and one
    that has more names no file of a partition.
Promise: a path without mistakes names other files for each partition; imports nothing heavy.
Not here: finding the files (``pipelines/stages/ingest/sources/locate.py``).
"""

from collections.abc import Iterator
from string import Formatter

from pipelines.core.declared import nearest
from pipelines.core.errors import listed
from pipelines.core.partitions import ALL, DAY, HOUR, MONTH, QUARTER, WEEK, YEAR, Partitions

_OF_DAY = ("day", "year", "quarter", "month", "dayofmonth")
FIELDS = {
    HOUR: (*_OF_DAY, "hour"),
    DAY: _OF_DAY,
    WEEK: ("year", "week"),
    MONTH: ("year", "quarter", "month"),
    QUARTER: ("year", "quarter"),
    YEAR: ("year",),
    ALL: (),
}
"""Fields that a partition of each grain has."""
KNOWN = (*_OF_DAY, "week", "hour")

ENOUGH = {
    HOUR: (("day", "hour"), ("year", "month", "dayofmonth", "hour")),
    DAY: (("day",), ("year", "month", "dayofmonth")),
    WEEK: (("year", "week"),),
    MONTH: (("year", "month"),),
    QUARTER: (("year", "quarter"),),
    YEAR: (("year",),),
}
"""Fields that name one partition of each grain; one of these sets is enough."""


def named_fields(path: str) -> tuple[str, ...]:
    """The fields of a path, in order; none for a path of files for all time.

    Raises:
        ValueError: Its braces are not those of fields.
    """
    return tuple(name for _, name, *_ in Formatter().parse(path) if name is not None)


def has_fields(path: str) -> bool:
    """Whether a path has fields, or braces that can be nothing else."""
    try:
        return bool(named_fields(path))
    except ValueError:
        return True


def filled(path: str, partitions: Partitions, key: str) -> str:
    """The path of a partition's files.

    Weeks are numbered by ISO 8601, and ``{year}`` of a week is the year of that numbering; an hour is
    one of UTC, and so are the other fields of an hour.
    """
    return path.format(**_values(partitions, key))


def _values(partitions: Partitions, key: str) -> dict[str, str]:
    if partitions.grain == ALL:
        return {}
    if partitions.grain == WEEK:
        year, week = key.split("-W")
        return {"year": year, "week": week}
    day = key[:10] if partitions.grain == HOUR else partitions.first_day(key)
    year, month, dayofmonth = day.split("-")
    values = {
        "day": day,
        "year": year,
        "quarter": str((int(month) + 2) // 3),
        "month": month,
        "dayofmonth": dayofmonth,
        "hour": key[-2:],
    }
    return {name: values[name] for name in FIELDS[partitions.grain]}


def path_problems(path: object, grain: str, where: str) -> Iterator[str]:
    """The mistakes of a path for the partitions of a grain, one sentence each."""
    if not isinstance(path, str) or not path.strip():
        yield f"{where} path {path!r} must be a text such as 'ds={{day}}/*.parquet'."
        return
    try:
        names, _ = named_fields(path), path.format(**dict.fromkeys(KNOWN, ""))
    except (ValueError, IndexError, KeyError, AttributeError) as error:
        yield from _unreadable(path, error, where)
        return
    yield from _folders(path, where)
    yield from _too_many(path, names, grain, where)
    if names and grain in ENOUGH and not any(set(names) >= set(e) for e in ENOUGH[grain]):
        enough = " or ".join(_shown(each) for each in ENOUGH[grain])
        yield (
            f"{where} path {path!r} names the same files for several partitions of grain "
            f"{grain!r}, which need {enough}. Add the missing fields, declare the grain of the "
            f"files, or leave out all fields where the files are for all time."
        )


def _folders(path: str, where: str) -> Iterator[str]:
    if any("**" in part and part != "**" for part in path.split("/")):
        yield f"{where} path {path!r}: ** stands for whole folders. Use * within a name."


def _unreadable(path: str, error: Exception, where: str) -> Iterator[str]:
    unknown = isinstance(error, KeyError) and str(error.args[0])
    if unknown:
        yield f"{where} path {path!r}: field {{{unknown}}} is not known. {nearest(unknown, KNOWN)}"
    else:
        yield (
            f"{where} path {path!r} cannot be formatted ({error}). Expected fields such as "
            f"{{day}}; write a brace of a file's name twice."
        )


def _too_many(path: str, names: tuple[str, ...], grain: str, where: str) -> Iterator[str]:
    strange = [name for name in dict.fromkeys(names) if name not in FIELDS.get(grain, KNOWN)]
    if not strange:
        return
    if grain == ALL:
        yield (
            f"{where} path {path!r} has {_shown(strange)}, and a table without event_time is one "
            f"partition. Declare event_time, or a path without fields."
        )
        return
    yield (
        f"{where} path {path!r} has {_shown(strange)}, which a partition of grain {grain!r} has "
        f"not. Use {_shown(FIELDS[grain])}, or declare the grain of the files."
    )


def _shown(names: tuple[str, ...] | list[str]) -> str:
    return listed((f"{{{name}}}" for name in names), 10)
