"""How good scores are: ROC AUC, average precision, precision of the day's alerts, calibration.

Why: the first two rank all rows, the third counts what a team that looks at k entities a day
    would find, the last says whether a score can be read as a probability.
Promise: tied scores are handled exactly; weights stand for copies of a row, so a resample needs
    no second sort.
Not here: intervals (``bootstrap.py``).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CALIBRATION_EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows by falling score.

    Attributes:
        order: Row numbers, highest score first, ``(n_rows,)``.
        positive: Whether each has the event, in that order.
        last: Last position of each distinct score, ``(n_scores,)``.
    """

    order: NDArray[np.int64]
    positive: NDArray[np.bool_]
    last: NDArray[np.int64]


def ranking(y: NDArray[np.bool_], scores: NDArray[np.floating]) -> Ranking:
    """Sort rows once; every curve and every resample reads from it."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    return Ranking(order, y[order], last)


def curve(ranked: Ranking, weight: Floats | None = None) -> tuple[Floats, Floats]:
    """True and false positives at each distinct score, highest first.

    Args:
        ranked: Rows by falling score.
        weight: Copies of each row, ``(n_rows,)``; None for one of each.
    """
    copies = np.ones(len(ranked.order)) if weight is None else weight[ranked.order]
    everything = np.cumsum(copies)[ranked.last]
    true = np.cumsum(copies * ranked.positive)[ranked.last]
    return true, everything - true


def roc_auc(true: Floats, false: Floats) -> float:
    """Area under the ROC curve; nan where one class is missing."""
    if true[-1] == 0 or false[-1] == 0:
        return float("nan")
    area = np.trapezoid(np.append(0.0, true), np.append(0.0, false))
    return float(area / (true[-1] * false[-1]))


def average_precision(true: Floats, false: Floats) -> float:
    """Mean precision over the events, each at its own score; nan without any event."""
    if true[-1] == 0:
        return float("nan")
    found = np.diff(true, prepend=0.0)
    precision = np.divide(true, true + false, out=np.zeros_like(true), where=true + false > 0)
    return float((found * precision).sum() / true[-1])


@dataclass(frozen=True, slots=True)
class EntityDays:
    """Each entity's highest score on each test day, ordered by day, then falling score.

    Attributes:
        entity: Index of the entity among all, ``(n_entity_days,)``.
        had_event: Whether it had the event that day.
        starts: First position of each day, then the length, ``(n_days + 1,)``.
        n_entities: Entities of all days.
    """

    entity: NDArray[np.int64]
    had_event: NDArray[np.bool_]
    starts: NDArray[np.int64]
    n_entities: int


def entity_days(
    day: NDArray[np.int64],
    entity: NDArray[np.int64],
    y: NDArray[np.bool_],
    scores: NDArray[np.float32],
) -> EntityDays:
    """Gather rows by entity and day; ties in score go to the smaller entity."""
    names, index = np.unique(entity, return_inverse=True)
    order = np.lexsort((-scores, index, day))
    pair = day[order] * len(names) + index[order]
    first = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
    had_event = np.logical_or.reduceat(y[order], first) if len(first) else y[:0]
    top = order[first]
    by_score = np.lexsort((index[top], -scores[top], day[top]))
    _, counts = np.unique(day[top], return_counts=True)
    starts = np.append(0, np.cumsum(counts))
    return EntityDays(index[top][by_score], had_event[by_score], starts, len(names))


def alert_precision(days: EntityDays, k: int, copies: Floats | None = None) -> float:
    """Share of each day's k highest entities that had the event; the mean over days.

    An entity found on one day is looked at no more on later ones.

    Args:
        days: From ``entity_days``.
        k: Entities looked at in a day.
        copies: Copies of each entity in a resample, ``(n_entities,)``; None for one of each. Copies
            are entities of their own: where k ends among them, the rest stay for later days.
    """
    left = np.ones(days.n_entities) if copies is None else copies.copy()
    shares = []
    for start, end in zip(days.starts[:-1], days.starts[1:], strict=True):
        entity, had_event = days.entity[start:end], days.had_event[start:end]
        there = left[entity]
        looked_at = np.clip(k - (np.cumsum(there) - there), 0.0, there)
        found = looked_at * had_event
        left[entity] -= found
        shares.append(found.sum() / k)
    return float(np.mean(shares))


def calibration(
    y: NDArray[np.bool_], scores: NDArray[np.float32], weight: Floats
) -> list[dict[str, float]]:
    """Mean score against the share of events, for rows of similar score; empty bins left out."""
    index = np.clip(np.digitize(scores, CALIBRATION_EDGES) - 1, 0, len(CALIBRATION_EDGES) - 2)
    table = []
    for n, (low, high) in enumerate(pairwise(CALIBRATION_EDGES)):
        here = index == n
        rows = int(here.sum())
        if rows:
            mean = float(np.average(scores[here].astype(np.float64), weights=weight[here]))
            share = float(np.average(y[here], weights=weight[here]))
            table.append(
                {"low": low, "high": high, "rows": rows, "mean_score": mean, "share": share}
            )
    return table
