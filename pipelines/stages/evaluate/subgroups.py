"""Subgroups: who is in which, and each one's metrics beside those of all other rows.

Why: a model that is good on the whole may fail the old, or one sex, or one site.
Promise: a group and the rest are on the same resamples, so that the gap between them has an interval; a group in which
    single people could be recognised has no numbers, and no other number gives its own away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.bootstrap import Interval, Measured, Sampled
from pipelines.shared.metrics.row_groups import RARE, ROUNDED_TO, RowGroup, is_small
from pipelines.spec import Binary, Survival
from pipelines.stages.evaluate.heads.protocol import (
    Floats,
    HeadEvaluation,
    Predictions,
    Yardstick,
)
from pipelines.stages.evaluate.rows import TestRows


@dataclass(frozen=True, slots=True)
class MeasuredGroup:
    """A group beside the rest.

    Attributes:
        group: The group.
        own: Its metrics; None where it is too small to be shown.
        rest: Those of all other rows; None where they are too few.
        champion: Those of the champion on the group's rows; None where it is not compared.
    """

    group: RowGroup
    own: Sampled | None
    rest: Sampled | None
    champion: Sampled | None = None

    def gaps(self) -> dict[str, tuple[float, Interval]]:
        """How much each metric is above that of the rest, with its interval."""
        return self._above(self.rest)

    def gains(self) -> dict[str, tuple[float, Interval]]:
        """How much each metric is above that of the champion on the same rows, with its interval."""
        return self._above(self.champion)

    def _above(self, other: Sampled | None) -> dict[str, tuple[float, Interval]]:
        if self.own is None or other is None:
            return {}
        between = self.own.less(other)
        return {n: (self.own.metrics[n] - other.metrics[n], between[n]) for n in between}


@dataclass(frozen=True, slots=True)
class OfEntities:
    """Metrics of some rows, for resamples of the entities of all.

    Attributes:
        measured: Of the rows.
        entities: Index of their entities among all, ascending.
    """

    measured: Measured
    entities: NDArray[np.int64]

    @property
    def entity_index(self) -> NDArray[np.int64]:
        """Index of each row's entity among all."""
        return self.entities[self.measured.entity_index]

    def metrics(self, copies: Floats | None = None) -> dict[str, float]:
        """Every metric, for so many copies of each of all entities."""
        return self.measured.metrics(None if copies is None else copies[self.entities])


def measure_groups(
    head: HeadEvaluation,
    rows: TestRows,
    predictions: Predictions,
    yardstick: Yardstick,
    groups: Iterable[RowGroup],
    copies: NDArray[np.float64],
    champion: Predictions | None = None,
) -> list[MeasuredGroup]:
    """Every group's metrics, those of the rest, and the champion's.

    Args:
        head: How the model is evaluated.
        rows: All test rows.
        predictions: Of them.
        yardstick: What they are measured by.
        groups: The groups.
        copies: Copies of each entity of the counted rows in each resample.
        champion: The champion's predictions of all rows; None where it is not compared.
    """
    every = np.unique(rows.entity[rows.counted])

    def sampled(chosen: NDArray[np.bool_], of: Predictions | None) -> Sampled | None:
        some = chosen_rows(rows, chosen)
        if of is None or has_too_few(some, head):
            return None
        entities = np.searchsorted(every, np.unique(some.entity[some.counted]))
        measured = head.measured(some, of, yardstick)
        return Sampled.of(OfEntities(measured, entities), copies)

    found = []
    for group in groups:
        own = sampled(group.rows, predictions)
        rest = None if own is None else sampled(~group.rows, predictions)
        theirs = None if own is None else sampled(group.rows, champion)
        found.append(MeasuredGroup(group, own, rest, theirs))
    return found


def chosen_rows(rows: TestRows, chosen: NDArray[np.bool_]) -> TestRows:
    """All rows, of which only chosen ones count."""
    return replace(rows, counted=rows.counted & chosen)


def has_too_few(rows: TestRows, head: HeadEvaluation) -> bool:
    """Whether the rows that count are of too few entities, or have too few events."""
    here = rows.counted
    of_events = isinstance(getattr(head, "head", None), Binary | Survival)
    events = int(rows.events[here].sum()) if of_events else None
    return is_small(len(np.unique(rows.entity[here])), events)


def described(
    groups: Sequence[MeasuredGroup], rows: TestRows, *, rounded: bool = False
) -> list[dict[str, Any]]:
    """The groups as ``metrics.json`` has them."""
    hidden = {each.group.column for each in groups if each.own is None}
    return [
        _described(each, rows, rounded=rounded or each.group.column in hidden)
        for each in groups
    ]


def _described(each: MeasuredGroup, rows: TestRows, *, rounded: bool) -> dict[str, Any]:
    """One group; with rounded counts where the whole less the others would give a small one away."""
    named = {"column": each.group.column, "group": each.group.name}
    if each.own is None:
        # A value that few have may name them.
        shown = named | {"group": RARE} if each.group.is_value else named
        return shown | {"suppressed": True}
    gaps, gains = each.gaps(), each.gains()
    facts = named | {
        "suppressed": False,
        **shown_counts(rows, each.group.rows, rounded=rounded),
        "metrics": each.own.metrics,
        "intervals": each.own.intervals(),
        "gaps": {name: gap for name, (gap, _) in gaps.items()},
        "gap_intervals": {name: between for name, (_, between) in gaps.items()},
    }
    if not gains:
        return facts
    return facts | {
        "champion_differences": {name: gain for name, (gain, _) in gains.items()},
        "champion_difference_intervals": {n: between for n, (_, between) in gains.items()},
    }


def shown_counts(rows: TestRows, chosen: NDArray[np.bool_], *, rounded: bool) -> dict[str, int]:
    """Rows and entities that count; rounded down where the others' would give a small count away."""
    here = rows.counted & chosen
    counts = {"rows": int(here.sum()), "entities": len(np.unique(rows.entity[here]))}
    unit = ROUNDED_TO if rounded else 1
    return {name: count // unit * unit for name, count in counts.items()}
