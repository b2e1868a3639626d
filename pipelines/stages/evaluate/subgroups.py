"""Subgroups: who is in which, and each one's metrics beside those of all other rows.

Why: a model that is good on the whole may fail the old, or one sex, or one site.
Promise: a group and the rest are on the same resamples, so that the gap between them has an interval; a group in which
    single people could be recognised has no numbers, and no other number gives its own away.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.values import NULL_WHOLE
from pipelines.shared.metrics.bootstrap import Interval, Measured, Sampled
from pipelines.spec import Binary, Subgroup, Survival
from pipelines.stages.evaluate.heads.protocol import (
    Floats,
    HeadEvaluation,
    Predictions,
    Yardstick,
)
from pipelines.stages.evaluate.rows import TestRows

LEAST_ENTITIES, LEAST_EVENTS = 10, 5
ROUNDED_TO = 10
MOST_VALUES = 12
MISSING, OTHER, RARE = "missing", "other values", "a rare value"


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of a subgroup.

    Attributes:
        column: Column that divides rows.
        name: Name of the group.
        rows: Which test rows are in it, ``(n_rows,)``.
        is_value: Whether the name is a value of the data.
    """

    column: str
    name: str
    rows: NDArray[np.bool_]
    is_value: bool = False


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


def groups_of(subgroup: Subgroup, values: NDArray[Any]) -> Iterator[RowGroup]:
    """The groups of a column's values, those that have rows; rows without a value are one of their own."""
    missing = is_missing(values)
    for name, rows in _named(subgroup, values, ~missing):
        if rows.any():
            yield RowGroup(subgroup.column, name, rows, is_value=not subgroup.cuts)
    if missing.any():
        yield RowGroup(subgroup.column, MISSING, missing)


def _named(
    subgroup: Subgroup, values: NDArray[Any], there: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if not subgroup.cuts:
        yield from _by_value(values, there)
        return
    cuts, number = subgroup.cuts, np.where(there, values.astype(np.float64), np.nan)
    yield f"below {cuts[0]:g}", number < cuts[0]
    for low, high in pairwise(cuts):
        yield f"{low:g} to below {high:g}", (number >= low) & (number < high)
    yield f"{cuts[-1]:g} and above", number >= cuts[-1]


def _by_value(
    values: NDArray[Any], there: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """A group for each of the most frequent values, one for the rest."""
    texts = values.astype(str)
    found, counts = np.unique(texts[there], return_counts=True)
    frequent = sorted(found[np.lexsort((found, -counts))][:MOST_VALUES])
    for value in frequent:
        yield str(value), there & (texts == value)
    yield OTHER, there & ~np.isin(texts, frequent)


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values of a raw column are unknown."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    return np.asarray(values == (NULL_WHOLE if values.dtype.kind == "i" else ""))


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
        if of is None or is_small(some, head):
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


def is_small(rows: TestRows, head: HeadEvaluation) -> bool:
    """Whether the rows that count are of too few entities, or have too few events."""
    here = rows.counted
    if len(np.unique(rows.entity[here])) < LEAST_ENTITIES:
        return True
    of_events = isinstance(getattr(head, "head", None), Binary | Survival)
    return of_events and int(rows.events[here].sum()) < LEAST_EVENTS


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
