"""Which visits are landmarks, and how many each filter leaves out.

Why: a report shows how the examples came about, so each filter's share is part of the result.
Promise: whether a day is a landmark depends on rows of that day and of earlier ones alone.
Not here: finding the visits (``visits.py``), writing the landmarks (``derive.py``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import Landmarks
from pipelines.spec.conditions import alternatives
from pipelines.stages.ingest.landmarks.local_days import exist
from pipelines.stages.ingest.landmarks.visits import CandidateVisits, Numbers

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FlowStep:
    """What a filter left.

    Attributes:
        step: ``visits`` or ``at_days``, then the filters in their order: ``since``, ``history_days``, ``free_of_1``,
            ``free_of_2`` ..., ``every_days``.
        setting: What the step was declared as.
        examples: Number of days of entities that remain.
        entities: Number of entities that have one.
    """

    step: str
    setting: str
    examples: int
    entities: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """The landmarks of a partition.

    Attributes:
        entity: Index of each one's entity, shape ``(n_landmarks,)``.
        day: Its day, ascending.
        flow: What each filter left of the partition's visits.
    """

    entity: Numbers
    day: Numbers
    flow: tuple[FlowStep, ...]


def first_needed(landmarks: Landmarks, first_day: int) -> int:
    """The first day whose visits can decide on a landmark of the first day or a later one."""
    return first_day - max(landmarks.every_days - 1, 0)


def chosen_of(
    visits: CandidateVisits, landmarks: Landmarks, between: tuple[int, int], zone: str
) -> Chosen:
    """The landmarks of the days from the first to the last.

    Args:
        visits: Visits from ``first_needed`` to the last day.
        landmarks: Their declaration.
        between: First and last day.
        zone: Time zone of the days.
    """
    entity, day = _candidates(visits, landmarks, between, zone)
    is_own, passing = day >= between[0], np.ones(len(day), bool)
    begin = "at_days" if landmarks.at_days else "visits"
    flow = [_step(begin, landmarks.at_days or landmarks.where or "", entity, is_own)]
    for name, setting, passes in _filters(visits, landmarks, entity, day):
        passing = passes(passing)
        flow.append(_step(name, setting, entity, is_own & passing))
    found = np.flatnonzero(is_own & passing)
    order = found[np.lexsort((entity[found], day[found]))]
    return Chosen(entity[order], day[order], tuple(flow))


def _filters(
    visits: CandidateVisits, landmarks: Landmarks, entity: Numbers, day: Numbers
) -> Iterator[tuple[str, object, Callable[[Mask], Mask]]]:
    """Name, setting and function of each filter: from the mask of what passed those before to that of what is left."""
    since = day - visits.first[entity]
    if landmarks.since is not None:
        yield "since", landmarks.since, lambda passing: passing & (since >= 0)
    if (least := landmarks.history_days) > 0:
        yield "history_days", least, lambda passing: passing & (since >= least)
    for n, condition in enumerate(landmarks.free_of):
        is_free = visits.excluded[n][entity] > day
        yield f"free_of_{n + 1}", condition, partial(np.logical_and, is_free)
    if (length := landmarks.every_days) > 0:
        yield "every_days", length, partial(_first_of_each, entity, since // length)


def _candidates(
    visits: CandidateVisits, landmarks: Landmarks, between: tuple[int, int], zone: str
) -> tuple[Numbers, Numbers]:
    """Entity and day of each day that may be a landmark, by entity and then by day."""
    if not landmarks.at_days:
        return visits.entity, visits.day
    after = np.sort(np.array(landmarks.at_days, np.int64))
    entity = np.repeat(np.arange(len(visits.first)), len(after))
    day = (visits.first[:, None] + after).ravel()
    is_in = (day >= first_needed(landmarks, between[0])) & (day <= between[1])
    entity, day = entity[is_in], day[is_in]
    there = exist(day, zone)
    return entity[there], day[there]


def _first_of_each(entity: Numbers, period: Numbers, passing: Mask) -> Mask:
    """Of the passing days of each entity and period the first."""
    at = np.flatnonzero(passing)
    again = (entity[at][1:] == entity[at][:-1]) & (period[at][1:] == period[at][:-1])
    kept = np.zeros(len(passing), bool)
    kept[at[np.r_[True, ~again][: len(at)]]] = True
    return kept


def _step(name: str, setting: object, entity: Numbers, mask: Mask) -> FlowStep:
    return FlowStep(name, _text(setting), int(mask.sum()), len(np.unique(entity[mask])))


def _text(setting: object) -> str:
    """A setting as people read it: ``code: E11, death``."""
    match setting:
        case (str() as column, value):
            return f"{column}: {', '.join(map(str, alternatives(value)))}"
        case tuple():
            return ", ".join(map(str, setting))
    return str(setting)
