"""Whether a day looks like the days around it: its volume, labels, missing values and values.

Why: a day whose every row is good can still be broken as a whole: labels that stopped, amounts in
    cents, an export that was cut off. Only other days show it.
Promise: follows from the days' profiles and the declared limits alone. A day is odd only where
    neither the days together nor those of its season (its weekday) explain it, and chance does not either.
Not here: profiles (``pipelines/stages/validate/day_profile.py``), what is usual (``day_usual.py``),
    which days are compared and what follows (``pipelines/stages/validate/stage.py``,
    ``pipelines/stages/validate_window/stage.py``).
"""

import math
import statistics
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.core.partitions import DAY, HOUR, MONTH, QUARTER, Partitions
from pipelines.shared.expectations.day_columns import DayProfile
from pipelines.shared.expectations.day_usual import (
    BAND,
    MEDIAN,
    RANGE,
    arcsine,
    distance,
    moved,
    odds_ratio,
    share_at,
    without_ones,
)
from pipelines.shared.tables import UNLABELLED
from pipelines.spec import DayGate

ROWS, LABEL, MISSING, MOVED = "rows_ratio", "label_odds", "missing_share", "moved_share"
CONSTANT, REPEATED = "constant", "repeated"
WARN, REFUSE = "warn", "refuse"
WORST_FIRST = (REFUSE, WARN, "")
# Fewer rows are of one value, or those of another day, by chance; so are values on few cells.
MANY_ROWS, MANY_CELLS = 1000, 30
DAYS = Partitions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How one number of a day stands beside those of other days.

    Attributes:
        what: The limit's name in ``DayGate``.
        column: Which column; empty where it is about the whole day.
        size: How large the difference is, in the limit's own unit.
        deviations: How many deviations lie between; None where chance has no part.
        seen: The day's number, for people.
        usual: The nearest usual one.
        level: ``refuse``, ``warn``, or empty where it is within the limits.
    """

    what: str
    column: str
    size: float
    deviations: float | None
    seen: str
    usual: str
    level: str = ""

    def text(self) -> str:
        """As reasons have it."""
        name = f"{self.what} of {self.column}" if self.column else self.what
        return f"{name} {self.size:,.4g} ({self.seen}, usual {self.usual})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A day beside others.

    Attributes:
        day: The day.
        days: Those with which it was compared, oldest first.
        differences: Each number, the most serious first.
        why_not: Why it was not compared, or is not validated; empty otherwise.
    """

    day: str
    days: tuple[str, ...]
    differences: tuple[Difference, ...] = ()
    why_not: str = ""

    def odd(self, *levels: str) -> list[Difference]:
        """Differences of these levels."""
        return [d for d in self.differences if d.level in levels]

    def text(self, *levels: str) -> str:
        """The day with its differences of these levels, as reasons have it."""
        return f"{self.day}: {', '.join(d.text() for d in self.odd(*levels))}"

    def as_json(self) -> dict[str, Any]:
        """As reports keep it."""
        return asdict(self)


def compare_day(
    day: str,
    own: DayProfile,
    others: Mapping[str, DayProfile],
    gate: DayGate,
    unshown: Collection[str] = (),
    partitions: Partitions = DAYS,
) -> Compared:
    """Compare a day with other days.

    Args:
        day: The day.
        own: Its profile.
        others: Profiles of the days it is compared with, by day.
        gate: Limits, and how many days they need.
        unshown: Columns of whose values nothing is shown: they are sensitive, or names.
        partitions: The partitions that the days are, for those of longer or shorter ones.
    """
    theirs = {other: others[other] for other in sorted(others) if others[other]["rows"]}
    days = tuple(theirs)
    if len(days) < gate.min_days:
        why = f"{len(days)} other days, validation.days.min_days = {gate.min_days}"
        return Compared(day=day, days=days, why_not=why)
    if not own["rows"]:
        return Compared(day=day, days=days, why_not="it has no rows")
    found = list(_Beside(day, own, theirs, gate, unshown, partitions).differences())
    if day in gate.excused:
        found = [replace(each, level="") for each in found]
    return Compared(
        day=day,
        days=days,
        differences=tuple(sorted(found, key=_rank)),
        why_not="it is one of validation.days.excused" if day in gate.excused else "",
    )


def season_of(partitions: Partitions, key: str) -> int | None:
    """What recurs: the weekday of a day, the hour of an hour, the month of a month or quarter.

    Weeks and years have none.
    """
    if partitions.grain not in (HOUR, DAY, MONTH, QUARTER):
        return None
    start = partitions.start(key).astimezone(ZoneInfo(partitions.zone))
    if partitions.grain in (MONTH, QUARTER):
        return start.month
    return start.hour if partitions.grain == HOUR else start.weekday()


def _rank(difference: Difference) -> tuple[int, float]:
    return WORST_FIRST.index(difference.level), -_far(difference)


def _levelled(difference: Difference, gate: DayGate) -> Difference:
    """The difference with the worst level that its size and its deviations both reach."""
    for level in (REFUSE, WARN):
        at = getattr(getattr(gate, difference.what), level)
        if at is None or difference.size <= at:
            continue
        far = getattr(gate.deviations, level)
        if difference.deviations is None or (far is not None and difference.deviations > far):
            return replace(difference, level=level)
    return difference


@dataclass(frozen=True, slots=True)
class _Beside:
    """A day, and the days with rows that it is compared with."""

    day: str
    own: DayProfile
    others: Mapping[str, DayProfile]
    gate: DayGate
    unshown: Collection[str]
    partitions: Partitions

    def differences(self) -> Iterator[Difference]:
        """Every number that both sides have, with its level."""
        yield self._least(self._rows, list(self.others))
        yield from self._labels()
        for name in self.own["columns"]:
            days = [day for day, other in self.others.items() if name in other["columns"]]
            if name not in self.gate.not_compared and len(days) >= self.gate.min_days:
                yield from self._column(name, days)
        yield from self._repeated()

    def _labels(self) -> Iterator[Difference]:
        """The share of ones, where labels are known here and on other days."""
        days = [day for day, other in self.others.items() if _labelled(other)]
        if self.own["positives"] is not None and _labelled(self.own) and days:
            yield self._least(self._label, days)

    def _least(
        self,
        measure: Callable[[Sequence[DayProfile], tuple[float, float]], Difference],
        days: Sequence[str],
    ) -> Difference:
        """What explains most: the days together, or those of the same season."""
        groups = [(days, BAND)]
        season = self._season(self.day)
        alike = [] if season is None else [d for d in days if self._season(d) == season]
        if alike:
            enough = len(alike) >= self.gate.min_same_weekday
            groups.append((alike, MEDIAN if enough else RANGE))
        found = [measure([self.others[d] for d in each], band) for each, band in groups]
        return max((_levelled(each, self.gate) for each in found), key=_rank)

    def _season(self, day: str) -> int | None:
        return season_of(self.partitions, day)

    def _rows(self, others: Sequence[DayProfile], band: tuple[float, float]) -> Difference:
        logs = [math.log(other["rows"]) for other in others]
        chance = math.exp(-sum(logs) / len(logs) / 2)
        found = distance(math.log(self.own["rows"]), logs, band, chance)
        usual = f"{math.exp(found.usual):,.0f}"
        size = math.exp(abs(found.seen - found.usual))
        return _difference(
            ROWS, "", size, found.deviations, f"{self.own['rows']:,} rows", usual
        )

    def _label(self, others: Sequence[DayProfile], band: tuple[float, float]) -> Difference:
        found = distance(_rate(self.own), [_rate(o) for o in others], band, self._chance())
        usual, rows, ones = share_at(found.usual), _labelled(self.own), self.own["positives"]
        seen = f"{ones:,} of {rows:,} labels are 1"
        size = odds_ratio(ones, rows, usual)
        one = _difference(LABEL, "", size, found.deviations, seen, f"{usual:.3%}")
        # Where less than one is usual, a day without any says nothing.
        return one if ones or usual * rows < 1 else max(one, self._stopped(usual), key=_far)

    def _stopped(self, usual: float) -> Difference:
        """The day together with the others that have no label of 1 either."""
        without = [o for o in (self.own, *self.others.values()) if not o["positives"]]
        rows = sum(map(_labelled, without))
        far = without_ones(usual * rows, len(without), len(self.others) + 1)
        more = f", {len(without) - 1} such days beside it together" if len(without) > 1 else ""
        seen = f"0 of {rows:,} labels are 1{more}"
        size = odds_ratio(0, rows, usual)
        return _difference(LABEL, "", size, far, seen, f"{usual:.3%}")

    def _column(self, name: str, days: Sequence[str]) -> Iterator[Difference]:
        own = self.own["columns"][name]
        yield self._least(lambda *of: self._missing(name, *of), days)
        theirs = {day: self.others[day]["columns"][name] for day in days}
        yield from self._constant(name, theirs.values())
        counted = [day for day, other in theirs.items() if other.get("counts")]
        if own.get("counts") and len(counted) >= self.gate.min_days:
            yield self._least(lambda *of: self._moved(name, *of), counted)

    def _constant(self, name: str, others: Iterable[Mapping[str, Any]]) -> Iterator[Difference]:
        many = self.own["rows"] >= MANY_ROWS
        if many and self.own["columns"][name].get("constant") and _all_vary(others):
            one = _difference(CONSTANT, name, 1.0, None, "one value", "several")
            yield _levelled(one, self.gate)

    def _missing(
        self, name: str, others: Sequence[DayProfile], band: tuple[float, float]
    ) -> Difference:
        def share(profile: DayProfile) -> float:
            return arcsine(profile["columns"][name]["missing"], profile["rows"])

        found = distance(share(self.own), [share(o) for o in others], band, self._chance())
        seen, usual = share_at(found.seen), share_at(found.usual)
        return _difference(
            MISSING, name, abs(seen - usual), found.deviations, f"{seen:.2%}", f"{usual:.2%}"
        )

    def _moved(
        self, name: str, others: Sequence[DayProfile], band: tuple[float, float]
    ) -> Difference:
        own, theirs = self.own["columns"][name], [o["columns"][name] for o in others]
        found = moved(own, theirs, band)
        if name in self.unshown or "median" not in own:
            seen = f"{found.seen:.0%} of the values elsewhere"
            return _difference(MOVED, name, found.seen, found.deviations, seen, "none")
        usual = f"{statistics.median_low(other['median'] for other in theirs):,.4g}"
        seen = f"median {own['median']:,.4g}"
        return _difference(MOVED, name, found.seen, found.deviations, seen, usual)

    def _chance(self) -> float:
        return 1 / math.sqrt(self.own["rows"])

    def _repeated(self) -> Iterator[Difference]:
        columns = self.own["columns"]
        rich = any(len(c.get("cells", ())) >= MANY_CELLS for c in columns.values())
        if self.own["rows"] < MANY_ROWS or not rich:
            return
        for day, other in self.others.items():
            if _values(other) == _values(self.own):
                same = _difference(REPEATED, "", 1.0, None, f"the values of {day}", "its own")
                yield _levelled(same, self.gate)
                return


def _all_vary(columns: Iterable[Mapping[str, Any]]) -> bool:
    return not any(column.get("constant", True) for column in columns)


def _rate(profile: DayProfile) -> float:
    return arcsine(profile["positives"], _labelled(profile))


def _labelled(profile: DayProfile) -> int:
    """How many rows have a label, of a day whose labels are compared."""
    return int(profile["rows"]) - int(profile.get(UNLABELLED, 0))


def _far(difference: Difference) -> float:
    return math.inf if difference.deviations is None else difference.deviations


def _values(profile: DayProfile) -> tuple[object, ...]:
    columns = profile["columns"].items()
    checks = tuple((name, column["check"]) for name, column in columns if "check" in column)
    return profile["rows"], profile["positives"], checks


def _difference(
    what: str, column: str, size: float, deviations: float | None, seen: str, usual: str
) -> Difference:
    return Difference(
        what=what, column=column, size=size, deviations=deviations, seen=seen, usual=usual
    )
