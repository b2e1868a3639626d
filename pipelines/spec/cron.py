"""Check cron expressions without Airflow.

Why: a schedule that Airflow cannot read hides the whole DAG file there.
"""

import re

PRESETS = (
    *("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@quarterly", "@yearly"),
    "@annually",
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("weekday", 0, 7, WEEKDAYS),
)
PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/[1-9]\d{0,3})?(?:#[1-5])?", re.ASCII)
LAST = "L"
FORM = "expected five fields (minute, hour, day, month, weekday), such as '0 6 * * 1'."


def cron_problem(text: str) -> str:
    """What is wrong with a schedule; empty if nothing is."""
    if text in PRESETS:
        return ""
    parts = text.split()
    if len(parts) != len(FIELDS):
        return FORM
    for (name, low, high, words), field in zip(FIELDS, parts, strict=True):
        if not all(_is_part(part, low, high, words) for part in field.split(",")):
            return f"{field!r} is no {name}, {low} to {high}; {FORM}"
    return ""


def _is_part(part: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    found = PART.fullmatch(part)
    if found is None:
        return False
    first, last = found.groups()
    if first in ("*", LAST):
        return last is None
    ends = [_number(each, low, words) for each in (first, last) if each is not None]
    return all(end is not None and low <= end <= high for end in ends)


def _number(text: str, low: int, words: tuple[str, ...]) -> int | None:
    if text.lower() in words:
        return words.index(text.lower()) + low
    return int(text) if text.isdigit() and len(text) <= 2 else None  # noqa: PLR2004  59 at most
