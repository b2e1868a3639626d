"""What the alerts of a day come to: entities with the event found, missed, and looked at in vain.

Why: a policy is worth what its alerts find, not what its curve looks like.
Promise: alerts are those of the evaluation: the entities with the highest scores, so many a day; an entity whose
    event was found, or is known by then, is not looked at again while its label would be news.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core.days import shift
from pipelines.drivers.backtest.days import ScoredDay
from pipelines.shared.metrics.ranking import average_precision, curve, ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """One day of one policy.

    Attributes:
        day: The day.
        rows: Rows that count.
        events: Entities with the event.
        caught: Of these, with an alert.
        alerts: Entities looked at.
        average_precision: Of the rows that count; None without an event.
    """

    day: str
    rows: int
    events: int
    caught: int
    alerts: int
    average_precision: float | None


@dataclass(slots=True)
class Alerts:
    """The alerts of one policy, day after day.

    Attributes:
        per_day: Entities that are looked at in a day.
        known_after_days: Days until a label is known.
        exclude_known: Whether entities with a known event are left out for ``known_for_days``.
        known_for_days: Days for which a known event leaves its entity out.
    """

    per_day: int
    known_after_days: int
    exclude_known: bool
    known_for_days: int
    _known: dict[Any, str] = field(default_factory=dict)
    _found: dict[Any, str] = field(default_factory=dict)
    _waiting: list[tuple[str, NDArray[Any]]] = field(default_factory=list)

    def of_day(self, scored: ScoredDay) -> DayResult:
        """Look at a day's entities with the highest scores, and note what was found."""
        self._learn(scored.day)
        counts = self._counted(scored)
        events, entities = scored.events[counts], scored.entities[counts]
        highest, had_event = _by_entity(entities, events, scored.scores[counts])
        looked_at = had_event[: self.per_day]
        caught = highest[: self.per_day][looked_at]
        self._found |= dict.fromkeys(caught.tolist(), scored.day)
        self._waiting.append((scored.day, np.unique(scored.entities[scored.events])))
        return DayResult(
            day=scored.day,
            rows=len(events),
            events=int(had_event.sum()),
            caught=len(caught),
            alerts=len(looked_at),
            average_precision=_average_precision([(events, scored.scores[counts])]),
        )

    def _learn(self, day: str) -> None:
        """Events become known, and old ones are news again."""
        while self._waiting and shift(self._waiting[0][0], self.known_after_days) < day:
            happened, entities = self._waiting.pop(0)
            self._known |= dict.fromkeys(entities.tolist(), happened)
        keep_known = shift(day, -self.known_for_days)
        keep_found = shift(day, -max(self.known_after_days, 1))
        self._known = {e: d for e, d in self._known.items() if d >= keep_known}
        self._found = {e: d for e, d in self._found.items() if d >= keep_found}

    def _counted(self, scored: ScoredDay) -> NDArray[np.bool_]:
        out = set(self._found) | (set(self._known) if self.exclude_known else set())
        if not out:
            return np.ones(len(scored.events), bool)
        return np.array([entity not in out for entity in scored.entities.tolist()], bool)


def mean_average_precision(days: Iterable[ScoredDay]) -> float | None:
    """Average precision of several days' rows together; None without an event."""
    return _average_precision([(each.events, each.scores) for each in days])


def _average_precision(
    parts: list[tuple[NDArray[np.bool_], NDArray[np.float64]]],
) -> float | None:
    if not any(events.any() for events, _ in parts):
        return None
    events, scores = (np.concatenate(each) for each in zip(*parts, strict=True))
    return average_precision(*curve(ranking(events, scores)))


def _by_entity(
    entities: NDArray[Any], events: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Entities by falling highest score, ties by the entity, and whether each had the event."""
    names, index = np.unique(entities, return_inverse=True)
    highest = np.full(len(names), -np.inf)
    np.maximum.at(highest, index, scores)
    had_event = np.zeros(len(names), bool)
    np.logical_or.at(had_event, index, events)
    order = np.lexsort((np.arange(len(names)), -highest))
    return names[order], had_event[order]
