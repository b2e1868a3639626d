"""How times are written in a source: directives of ``strptime``, epochs, and numbers since an origin.

Why: a format is checked when it is declared, and ingest parses a million texts by one regular expression.
Promise: a text is parsed as Python's ``datetime.strptime`` does, with English names of months and days;
    ``%f`` has up to nine digits, and ``%z`` may be hours alone. Imports nothing heavy.
Not here: parsing whole columns (``pipelines/stages/ingest/values/written_times.py``).
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from pipelines.core.declared import nearest

EPOCHS = {"epoch_s": 6, "epoch_ms": 3, "epoch_us": 0}
"""Digits after the decimal point that are microseconds, by the unit of an epoch."""
RELATIVE = {"days": 86_400_000_000, "hours": 3_600_000_000}
RELATIVE |= {"minutes": 60_000_000, "seconds": 1_000_000}
"""Microseconds of each unit that times since an origin may be in."""

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHORT = 3
_TWO = "[0-5][0-9]"
PATTERNS = {
    "Y": "[0-9]{4}",
    "y": "[0-9][0-9]",
    "m": "1[0-2]|0[1-9]|[1-9]",
    "B": "|".join(MONTHS),
    "b": "|".join(name[:SHORT] for name in MONTHS),
    "d": "3[0-1]|[1-2][0-9]|0[1-9]|[1-9]| [1-9]",
    "j": "36[0-6]|3[0-5][0-9]|[1-2][0-9][0-9]|0[1-9][0-9]|00[1-9]|[1-9][0-9]|0[1-9]|[1-9]",
    "H": "2[0-3]|[0-1][0-9]|[0-9]",
    "I": "1[0-2]|0[1-9]|[1-9]",
    "p": "am|pm",
    "M": f"{_TWO}|[0-9]",
    "S": f"6[0-1]|{_TWO}|[0-9]",
    "f": "[0-9]{1,9}",
    "z": f"[+-](?:[01][0-9]|2[0-3])(?::{_TWO}(?::{_TWO})?|{_TWO}(?:{_TWO})?)?|Z",
    "A": "|".join(WEEKDAYS),
    "a": "|".join(name[:SHORT] for name in WEEKDAYS),
}
UNSUPPORTED = {
    "U": "weeks",
    "W": "weeks",
    "V": "weeks",
    "G": "weeks",
    "u": "weeks",
    "w": "weeks",
    "c": "a locale",
    "x": "a locale",
    "X": "a locale",
    "Z": "names of time zones (declare source.time_zone, and write the name itself in the format)",
    "s": "an epoch (declare 'epoch_s')",
}
ONE_OF = (("Y", "y"), ("m", "B", "b"), ("H", "I"), ("d", "j"), ("j", "m", "B", "b"), ("A", "a"))
CLOCK = (("H", "I"), ("M",), ("S",), ("f",))
"""The parts of a time of day; each needs those before it."""


def directives(time_format: str) -> list[str]:
    """The directives of a format, in order, without ``%%``."""
    return [letter for letter in re.findall(r"%(.?)", time_format, re.DOTALL) if letter != "%"]


def pattern(time_format: str) -> str:
    """Regular expression of a whole text, for RE2 and for Python, with a group named for each directive."""
    parts = re.split(r"%(.)", time_format)
    body = "".join(
        _literal(part)
        if n % 2 == 0
        else "%"
        if part == "%"
        else f"(?P<{part}>{PATTERNS[part]})"
        for n, part in enumerate(parts)
    )
    return rf"(?i)^(?:{body})$"


def is_written(text: str, time_format: str) -> bool:
    """Whether a text looks like a time of a format."""
    if time_format in EPOCHS or time_format in RELATIVE:
        return re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?", text) is not None
    return re.match(pattern(time_format), text) is not None


def has_offset(time_format: str) -> bool:
    """Whether times of a format are instants, with no need of a time zone."""
    return time_format in EPOCHS or "z" in directives(time_format)


def format_problems(time_format: str) -> Iterator[str]:
    """The mistakes of a format, one sentence each."""
    if time_format in EPOCHS or time_format in RELATIVE:
        return
    if "%" not in time_format:
        known = (*EPOCHS, *RELATIVE)
        yield (
            f"time_format {time_format!r} has no directives. {nearest(time_format, known)} Or "
            f"write it as in '%d.%m.%Y %H:%M'."
        )
        return
    found = directives(time_format)
    unknown = [name for name in dict.fromkeys(found) if name not in PATTERNS]
    for name in unknown:
        yield f"time_format {time_format!r}: {_why_unknown(name)}"
    if not unknown:
        yield from (f"time_format {time_format!r} {why}" for why in _incomplete(found))


def _why_unknown(name: str) -> str:
    if not name:
        return "it ends with %. Write %% for the sign itself."
    known = ", ".join(f"%{each}" for each in PATTERNS)
    what = f" ({UNSUPPORTED[name]})" if name in UNSUPPORTED else ""
    return f"%{name}{what} is not known. Known: {known}, %%."


def _incomplete(found: list[str]) -> Iterator[str]:
    """What is given twice, and what is missing."""
    for name in sorted({name for name in found if found.count(name) > 1}):
        yield f"has %{name} twice. Write it once."
    for names in ONE_OF:
        given = [f"%{name}" for name in names if name in found]
        if len(given) > 1:
            yield f"has {' and '.join(given)}, which say the same. Use one."
    yield from _incomplete_day({*found})
    yield from _incomplete_clock({*found})


def _incomplete_day(found: set[str]) -> Iterator[str]:
    if not found & {"Y", "y"}:
        yield "has no year. Add %Y, or have the source write the year."
    if "j" not in found and not ("d" in found and found & {"m", "B", "b"}):
        yield "has no day. Add %m and %d (or %j, the day of the year)."


def _incomplete_clock(found: set[str]) -> Iterator[str]:
    if ("I" in found) != ("p" in found):
        yield "needs %I and %p together; %H has 24 hours."
    for before, part in pairwise(CLOCK):
        if found.intersection(part) and not found.intersection(before):
            yield f"has %{part[0]} without %{before[0]}. Add it."
    if "z" in found and not found & {"H", "I"}:
        yield "has %z without %H. Add it, or omit the offset."


def _literal(text: str) -> str:
    """Text of a format as a regular expression: any white space stands for any."""
    return r"\s+".join(map(re.escape, re.split(r"\s+", text)))
