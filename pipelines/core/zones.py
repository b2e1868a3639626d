"""Time zones as tables of their offsets from UTC, for arrays of times.

Why: local times of a million rows are computed by search in a table; the table's digest is part of
    what a result depends on, so another time zone database is other work.
Promise: equal to Python's ``zoneinfo`` in the years 1 to 9999; only the standard library is imported.
Not here: the arithmetic on arrays (``pipelines/operators/local_time.py``), partitions
    (``partitions.py``).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pipelines.core.declared import nearest

UTC_NAME = "UTC"
DAY_S = 86_400
LOWEST_S = -(1 << 62)
_FIRST_S, _RULES_S, _LAST_S = (
    int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1800, 2100, 2500)
)
PERIOD_S = _LAST_S - _RULES_S
"""400 years, in which the calendar repeats, weekdays too; so do clock changes by rule."""
LAST_S = _LAST_S - DAY_S
"""End of the table; later times have the offsets of a whole number of periods before."""
# No two changes of any zone are nearer than four days; after 2100 all are by a yearly rule.
_STEPS = (range(_FIRST_S, _RULES_S, 3 * DAY_S), range(_RULES_S, _LAST_S, 20 * DAY_S))


@dataclass(frozen=True, slots=True)
class ZoneTable:
    """The offsets of a time zone.

    Attributes:
        name: IANA name.
        starts_s: Instants in seconds since 1970, ascending, from which each offset holds; the first
            is before all times.
        offsets_s: Seconds to add to UTC for local time, for each start.
    """

    name: str
    starts_s: tuple[int, ...]
    offsets_s: tuple[int, ...]

    def is_utc(self) -> bool:
        """Whether local time is always UTC."""
        return not any(self.offsets_s)

    def digest(self) -> str:
        """Digest of the offsets; empty for UTC."""
        content = json.dumps([self.starts_s, self.offsets_s]).encode()
        return "" if self.is_utc() else hashlib.sha256(content).hexdigest()[:16]


@lru_cache(maxsize=16)
def zone_table(name: str) -> ZoneTable:
    """The table of a time zone, from this machine's time zone database."""
    zone = ZoneInfo(name)
    changes = list(_changes(zone)) if name != UTC_NAME else []
    starts = (LOWEST_S, *changes)
    offsets = (_offset(zone, _FIRST_S), *(_offset(zone, at) for at in changes))
    return ZoneTable(name, starts, offsets)


def zone_mistake(name: object) -> str:
    """What is wrong with the name of a time zone, as a sentence; empty for a valid one."""
    try:
        ZoneInfo(name)  # type: ignore[arg-type]
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        return (
            f"{name!r} is not a time zone. Use a name of the IANA database, such as "
            f"'Europe/Berlin' or 'UTC'.{_hint(name)}"
        )
    return ""


def _hint(name: object) -> str:
    known = {each.lower(): each for each in available_timezones()}
    spelt = known.get(str(name).lower().replace(" ", "_"))
    hint = nearest(str(name), known.values()) if spelt is None else f"Did you mean {spelt!r}?"
    return f" {hint}" if hint.startswith("Did") else ""


def _changes(zone: ZoneInfo) -> Iterator[int]:
    """Seconds at which the offset changes, ascending."""
    for before, after in pairwise(chain(*_STEPS)):
        if _offset(zone, before) != _offset(zone, after):
            yield _change_between(zone, before, after)


def _change_between(zone: ZoneInfo, before: int, after: int) -> int:
    old = _offset(zone, before)
    while after - before > 1:
        half = (before + after) // 2
        before, after = (half, after) if _offset(zone, half) == old else (before, half)
    return after


def _offset(zone: ZoneInfo, instant_s: int) -> int:
    offset = datetime.fromtimestamp(instant_s, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
