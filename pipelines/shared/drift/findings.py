"""Which columns of a day are distributed otherwise than on other days, by declared limits.

Why: every measure differs a little on every day. Only what neither few rows, nor the spread of the
    reference's own days, nor the season explains may be called drift.
Promise: days with the same distribution give a finding with a level on less than one day of a thousand,
    whatever their number of rows; the order of days and columns changes nothing.
Not here: the arithmetic (``measures.py``), bins (``bins.py``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.drift.bins import Binned, Column, binned
from pipelines.shared.drift.measures import (
    Counts,
    by_chance,
    jensen_shannon,
    psi,
    wasserstein,
    wasserstein_by_chance,
)
from pipelines.spec import Limit, Watch

PSI, JS, WASSERSTEIN, CONSTANT = "psi", "js", "wasserstein", "constant"
WARN, REFUSE = "warn", "refuse"
LEVELS = ("", WARN, REFUSE)
# Of all columns of a day together.
FALSE_ALARMS = 0.001
# Rows of one entity are alike, so days differ by more than rows explain: a day counts as another
# one where it is further from the others than twice what nine of ten of them are from each other.
MOST_DAYS, FURTHER, FEW_DAYS = 0.9, 2.0, 3
Profile = Mapping[str, Column]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """How the values of one column are distributed beside those of the reference.

    Attributes:
        column: Its name.
        psi: Population stability index.
        psi_by_chance: Its mean between two such numbers of rows where nothing changed.
        psi_needed: What it must exceed to be more than chance and what the reference's own days do.
        js: Jensen-Shannon divergence in bits.
        wasserstein: Wasserstein distance in standard deviations of the reference; None where it has none.
        missing: Share of missing values.
        missing_before: The same of the reference.
        days: Number of days of the reference: all, or those of the same season.
        measure: The measure behind the level; empty without one.
        limit: The limit that it exceeds.
        level: ``refuse``, ``warn``, or empty where it is within the limits.
    """

    column: str
    psi: float
    psi_by_chance: float
    psi_needed: float
    js: float
    wasserstein: float | None
    missing: float
    missing_before: float
    days: int
    measure: str = ""
    limit: float | None = None
    level: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it is published, to ten digits: sums of others may differ from machine to machine."""
        return {k: round(v, 10) if isinstance(v, float) else v for k, v in asdict(self).items()}


def drift_of(
    reference: Mapping[str, Profile],
    current: Profile,
    watch: Watch,
    seasons: Mapping[str, int] | None = None,
) -> list[ColumnDrift]:
    """Compare the profile of a day with those of other days, column by column.

    Args:
        reference: Profiles by day, in any order.
        current: The day's own.
        watch: Limits, and the columns that are not watched.
        seasons: The season of each day of the reference, such as its weekday: a column that is like all
            days, or like those of one season (a holiday like Sundays), is usual.

    Returns:
        A finding for each column that both sides have rows of, in the order of ``current``.
    """
    own = dict(watch.psi_of)
    names = [name for name in current if name not in watch.not_watched]
    found = []
    for name in names:
        days = {
            day: reference[day][name] for day in sorted(reference) if name in reference[day]
        }
        limits = {PSI: own.get(name, watch.psi), JS: watch.js, WASSERSTEIN: watch.wasserstein}
        limits[CONSTANT] = watch.constant
        chance = FALSE_ALARMS / len(names)
        one = column_drift(name, days, current[name], limits, chance, seasons)
        found += [] if one is None else [one]
    return found


def histogram_drift(
    name: str,
    reference: Mapping[str, Sequence[int]],
    current: Sequence[int],
    limit: Limit,
    seasons: Mapping[str, int] | None = None,
) -> ColumnDrift | None:
    """Compare counts of equal bins of 0 to 1, such as those of scores.

    Args:
        name: What is counted.
        reference: Counts by day, each of shape ``(n_bins,)``.
        current: Those of the day.
        limit: For the population stability index.
        seasons: As in ``drift_of``.
    """
    days = {day: _column(counts) for day, counts in sorted(reference.items())}
    return column_drift(name, days, _column(current), {PSI: limit}, FALSE_ALARMS, seasons)


def column_drift(
    name: str,
    reference: Mapping[str, Column],
    current: Column,
    limits: Mapping[str, Limit],
    chance: float,
    seasons: Mapping[str, int] | None = None,
) -> ColumnDrift | None:
    """One column beside all days of the reference; where that differs, beside those of the nearest season.

    Args:
        name: The column.
        reference: Its profile by day.
        current: On the day.
        limits: By measure; a measure without one is not looked at.
        chance: Probability of a finding with a level where nothing changed.
        seasons: As in ``drift_of``.

    Returns:
        None where one of the sides has no rows.
    """
    days = {day: column for day, column in reference.items() if column["rows"]}
    if not (days and current["rows"]):
        return None
    of = tuple((seasons or {}).get(day) for day in days)
    counts = binned(list(days.values()), current)
    usual = _usual(counts.reference, of, psi)
    return _ColumnOfDays(name, counts, of, limits, chance, usual).nearest()


@dataclass(frozen=True, slots=True)
class _ColumnOfDays:
    """A column of a day, and of the days that it is compared with.

    Attributes:
        name: The column.
        counts: Of all days, in one set of bins.
        seasons: Of each day of the reference; None for none.
        limits: By measure.
        chance: Probability of a finding with a level where nothing changed.
        usual: How far the days of the reference are from each other, in PSI.
    """

    name: str
    counts: Binned
    seasons: tuple[int | None, ...]
    limits: Mapping[str, Limit]
    chance: float
    usual: float

    def nearest(self) -> ColumnDrift:
        """Beside all days; where that has a level, beside those of the season that is nearest."""
        every = self.drift(np.ones(len(self.seasons), np.bool_))
        if not every.level:
            return every
        known = sorted({season for season in self.seasons if season is not None})
        groups = [np.array([season == each for season in self.seasons]) for each in known]
        found = [every, *(self.drift(among) for among in groups)]
        return min(
            found, key=lambda one: (LEVELS.index(one.level), one.psi - one.psi_by_chance)
        )

    def drift(self, among: NDArray[np.bool_]) -> ColumnDrift:
        """Beside some of the days, ``(n_days,)``."""
        counts = self.counts
        before, now = counts.reference[among].sum(axis=0), counts.current
        mean, beyond = by_chance(before, now, self.chance)
        one = ColumnDrift(
            column=self.name,
            psi=psi(before, now),
            psi_by_chance=mean,
            psi_needed=max(beyond, self.usual),
            js=jensen_shannon(before, now),
            wasserstein=wasserstein(
                counts.at, counts.reference_at[among].sum(axis=0), counts.current_at
            ),
            missing=float(now[-1] / now.sum()),
            missing_before=float(before[-1] / before.sum()),
            days=int(np.count_nonzero(among)),
        )
        return _levelled(one, self.limits, self._certain(one, among))

    def _certain(self, one: ColumnDrift, among: NDArray[np.bool_]) -> dict[str, float]:
        """The measures that are more than chance, each as what its limit is compared with."""
        found = dict[str, float]()
        if one.psi > one.psi_needed:
            found |= {PSI: one.psi - one.psi_by_chance, JS: one.js}
        moved = one.wasserstein
        # Nothing is worked out for a limit that nobody declared.
        asked = self.limits.get(WASSERSTEIN, Limit()) != Limit()
        if asked and moved is not None and moved > self._wasserstein_needed(among):
            found[WASSERSTEIN] = moved
        if self._became_constant(among):
            found[CONSTANT] = 1.0
        return found

    def _wasserstein_needed(self, among: NDArray[np.bool_]) -> float:
        counts = self.counts

        def between(reference: Counts, current: Counts) -> float:
            return wasserstein(counts.at, reference, current) or 0.0

        pooled = counts.reference_at[among].sum(axis=0)
        beyond = wasserstein_by_chance(counts.at, pooled, counts.current_at, self.chance)
        return max(beyond, _usual(counts.reference_at, self.seasons, between))

    def _became_constant(self, among: NDArray[np.bool_]) -> bool:
        """Whether the day has one value, every other day has several, and that is no chance."""
        own, before = self.counts.current_at, self.counts.reference_at[among]
        if np.count_nonzero(own) != 1 or np.any(np.count_nonzero(before, axis=1) < 2):  # noqa: PLR2004
            return False
        common = before.sum(axis=0).max() / before.sum()
        return bool(common ** own.sum() < self.chance)


def _usual(
    days: Counts, seasons: Sequence[int | None], measure: Callable[[Counts, Counts], float]
) -> float:
    """How far a day must be from the others of its season to be further than they are from each other.

    Args:
        days: Counts, ``(n_days, n_bins)``.
        seasons: Of each day.
        measure: Of the others and the day.
    """
    of_season = [days[[each == season for each in seasons]] for season in set(seasons)]
    apart = [each for own in of_season for each in _apart(own, measure)]
    if len(apart) < FEW_DAYS:
        apart = _apart(days, measure)
    return FURTHER * float(np.quantile(apart, MOST_DAYS)) if len(apart) >= FEW_DAYS else 0.0


def _apart(days: Counts, measure: Callable[[Counts, Counts], float]) -> list[float]:
    """How far each of some days is from the others."""
    counted = days[days.sum(axis=1) > 0]
    whole = counted.sum(axis=0)
    return [measure(whole - day, day) for day in counted] if len(counted) > 1 else []


def _levelled(
    one: ColumnDrift, limits: Mapping[str, Limit], certain: Mapping[str, float]
) -> ColumnDrift:
    """The finding with the worst level that one of its measures reaches."""
    for level in (REFUSE, WARN):
        for measure, limit in limits.items():
            at = getattr(limit, level)
            if at is not None and certain.get(measure, 0.0) > at:
                return replace(one, measure=measure, limit=at, level=level)
    return one


def _column(counts: Sequence[int]) -> Column:
    rows = sum(counts)
    at = [(nth + 0.5) / len(counts) for nth in range(len(counts))]
    return {"rows": rows, "known": rows, "at": at, "counts": list(counts)}
