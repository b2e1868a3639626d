"""Subgroups: who is in which, and each one's metrics beside those of all other rows.

Why: a model that is good on the whole may fail the old, or one sex, or one site.
Promise: a group and the rest are on the same resamples, so that the gap between them has an interval; a group in which
    single people could be recognised has no numbers, and no other number gives its own away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.bootstrap import Interval, Measured, Sampled
from pipelines.shared.metrics.row_groups import RARE, ROUNDED_TO, RowGroup, groups_of, is_small
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
    """

    group: RowGroup
    own: Sampled | None
    rest: Sampled | None

    def gaps(self) -> dict[str, tuple[float, Interval]]:
        """How much each metric is above that of the rest, with its interval."""
        if self.own is None or self.rest is None:
            return {}
        between = self.own.less(self.rest)
        return {n: (self.own.metrics[n] - self.rest.metrics[n], between[n]) for n in between}


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
    columns: Mapping[str, NDArray[Any]],
    copies: NDArray[np.float64],
) -> list[MeasuredGroup]:
    """Every declared subgroup's metrics, and those of the rest.

    Args:
        head: How the model is evaluated.
        rows: All test rows.
        predictions: Of them.
        yardstick: What they are measured by.
        columns: Raw values of the subgroups' columns.
        copies: Copies of each entity of the counted rows in each resample.
    """
    every = np.unique(rows.entity[rows.counted])

    def sampled(chosen: NDArray[np.bool_]) -> Sampled | None:
        some = replace(rows, counted=rows.counted & chosen)
        if has_too_few(some, head):
            return None
        entities = np.searchsorted(every, np.unique(some.entity[some.counted]))
        measured = head.measured(some, predictions, yardstick)
        return Sampled.of(OfEntities(measured, entities), copies)

    found = []
    for subgroup in yardstick.evaluation.subgroups:
        for group in groups_of(subgroup, columns[subgroup.column]):
            own = sampled(group.rows)
            found.append(
                MeasuredGroup(group, own, None if own is None else sampled(~group.rows))
            )
    return found


def has_too_few(rows: TestRows, head: HeadEvaluation) -> bool:
    """Whether the rows that count are of too few entities, or have too few events."""
    here = rows.counted
    of_events = isinstance(getattr(head, "head", None), Binary | Survival)
    events = int(rows.events[here].sum()) if of_events else None
    return is_small(len(np.unique(rows.entity[here])), events)


def described(groups: Sequence[MeasuredGroup], rows: TestRows) -> list[dict[str, Any]]:
    """The groups as ``metrics.json`` has them."""
    hidden = {each.group.column for each in groups if each.own is None}
    return [_described(each, rows, rounded=each.group.column in hidden) for each in groups]


def _described(each: MeasuredGroup, rows: TestRows, *, rounded: bool) -> dict[str, Any]:
    """One group; with rounded counts where the whole less the others would give a small one away."""
    named = {"column": each.group.column, "group": each.group.name}
    if each.own is None:
        # A value that few have may name them.
        shown = named | {"group": RARE} if each.group.is_value else named
        return shown | {"suppressed": True}
    here = rows.counted & each.group.rows
    counts = {"rows": int(here.sum()), "entities": len(np.unique(rows.entity[here]))}
    unit = ROUNDED_TO if rounded else 1
    gaps = each.gaps()
    return named | {
        "suppressed": False,
        **{name: count // unit * unit for name, count in counts.items()},
        "metrics": each.own.metrics,
        "intervals": each.own.intervals(),
        "gaps": {name: gap for name, (gap, _) in gaps.items()},
        "gap_intervals": {name: between for name, (_, between) in gaps.items()},
    }
