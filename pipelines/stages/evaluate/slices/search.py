"""The search: every slice of one feature, then of two, each tested against all other rows.

Why: among a thousand slices some are worse by chance.
Promise: which slices are looked at follows from the declaration and the cuts, never from the losses, so that the
    correction for their number holds. Rows of an entity count as one observation of it.
Not here: cuts (``cuts.py``), losses (``row_losses.py``), metrics of what was found (``found.py``).
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.row_groups import LEAST_ENTITIES, LEAST_EVENTS
from pipelines.spec import SliceSearch
from pipelines.stages.evaluate.slices.cuts import CutColumn

ALIKE = 0.5
"""Share of the rows of two slices together that both have, from which they are one finding."""
CLEAR = 1.96

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cell:
    """A slice: one range or value of each of some columns."""

    parts: tuple[tuple[CutColumn, int], ...]

    def rows(self) -> NDArray[np.bool_]:
        """Which rows are in it, ``(n_rows,)``."""
        found: NDArray[np.bool_] = np.logical_and.reduce(
            [column.code == nth for column, nth in self.parts]
        )
        return found

    def named(self) -> tuple[tuple[str, int], ...]:
        """Its columns, each with the index of its range."""
        return tuple((column.column, nth) for column, nth in self.parts)


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A slice that was tested.

    Attributes:
        cell: The slice.
        effect: Mean loss of its rows less that of all others.
        error: Standard error of the effect.
        p: Chance of an effect as large where there is none.
        corrected: The same among all looks.
    """

    cell: Cell
    effect: float
    error: float
    p: float
    corrected: float = 1.0

    def least(self) -> float:
        """The lower end of the effect's interval."""
        return self.effect - CLEAR * self.error


@dataclass(frozen=True, slots=True)
class SearchedRows:
    """What the search reads of the rows that count.

    Attributes:
        loss: Of each row, ``(n_rows,)``.
        weight: Of each row.
        entity: Index of each row's entity.
        event: Which rows have the event; all of them where there is none.
    """

    loss: Floats
    weight: Floats
    entity: NDArray[np.int64]
    event: NDArray[np.bool_]


class SliceTest:
    """Tests of slices of the same rows: what they share is summed once."""

    def __init__(self, rows: SearchedRows) -> None:
        self.rows, self.entities = rows, int(rows.entity.max()) + 1
        every = np.ones(len(rows.loss), np.bool_)
        self.sums, self.sizes = self._by_entity(every)

    def of(self, here: NDArray[np.bool_]) -> tuple[float, float, float] | None:
        """Effect, its error, and p; None where either side is too small."""
        if not (self._is_enough(here) and self._is_enough(~here)):
            return None
        own, size = self._by_entity(here)
        mean, of_slice = _residuals(own, size)
        other_mean, of_rest = _residuals(self.sums - own, self.sizes - size)
        error = float(np.sqrt(np.sum((of_slice - of_rest) ** 2)))
        effect = mean - other_mean
        if not error > 0:
            return None
        return effect, error, _chance(effect / error, int(np.count_nonzero(size)) - 1)

    def _by_entity(self, here: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Sum of the losses, and of the weights, of each entity's rows among these."""
        entity, weight = self.rows.entity[here], self.rows.weight[here]
        loss = np.bincount(entity, self.rows.loss[here] * weight, self.entities)
        size = np.bincount(entity, weight, self.entities)
        return loss.astype(np.float64), size.astype(np.float64)

    def _is_enough(self, here: NDArray[np.bool_]) -> bool:
        entities = np.count_nonzero(np.bincount(self.rows.entity[here], minlength=1))
        events = np.count_nonzero(self.rows.event[here])
        return bool(entities >= LEAST_ENTITIES and events >= LEAST_EVENTS)


def _residuals(sums: Floats, sizes: Floats) -> tuple[float, Floats]:
    """The mean, and how far each entity moves it."""
    mean = float(sums.sum() / sizes.sum())
    return mean, (sums - mean * sizes) / sizes.sum()


def _chance(t: float, freedom: int) -> float:
    """Of a t as large, one-sided."""
    from scipy.special import stdtr

    return float(stdtr(freedom, -t))


def searched(
    rows: SearchedRows, columns: Sequence[CutColumn], search: SliceSearch
) -> list[LookedAt]:
    """Every slice that was looked at, with its p corrected for all looks, in the order of the search."""
    test, found = SliceTest(rows), list[LookedAt]()
    least = max(search.min_share * len(rows.loss), 1)
    for cell in cells(columns, search.max_columns):
        if len(found) == search.max_looks:
            break
        here = cell.rows()
        result = test.of(here) if np.count_nonzero(here) >= least else None
        if result is not None:
            found.append(LookedAt(cell, *result))
    return corrected(found)


def cells(columns: Sequence[CutColumn], most: int) -> Iterator[Cell]:
    """Slices of one column, then of two."""
    for count in range(1, most + 1):
        for chosen in itertools.combinations(columns, count):
            for nth in itertools.product(*(range(len(each.names)) for each in chosen)):
                yield Cell(tuple(zip(chosen, nth, strict=True)))


def corrected(looks: Sequence[LookedAt]) -> list[LookedAt]:
    """With p corrected by Holm's procedure."""
    if not looks:
        return []
    p = np.array([each.p for each in looks])
    order = np.argsort(p, kind="stable")
    steps = np.minimum(p[order] * np.arange(len(p), 0, -1), 1.0)
    holm = np.empty_like(p)
    holm[order] = np.maximum.accumulate(steps)
    return [
        LookedAt(each.cell, each.effect, each.error, each.p, float(value))
        for each, value in zip(looks, holm, strict=True)
    ]


def worst(looks: Sequence[LookedAt], search: SliceSearch) -> list[LookedAt]:
    """The slices that are worse beyond chance, the surely worst first.

    Without those that are mostly the same rows, and those of two features that are not surely worse than one of them.
    """
    beyond = sorted(_worse_than_parts(looks, search.level), key=lambda each: -each.least())
    kept = list[LookedAt]()
    for each in beyond:
        if not any(_alike(each.cell, other.cell) for other in kept):
            kept.append(each)
    return kept[: search.reported]


def _worse_than_parts(looks: Sequence[LookedAt], level: float) -> Iterator[LookedAt]:
    """Slices that are worse beyond chance, and of two features surely worse than either that is so too."""
    beyond = {each.cell.named(): each for each in looks if each.corrected <= level}
    for named, each in beyond.items():
        alone = [beyond[(name,)].effect for name in named if (name,) in beyond]
        if len(named) == 1 or each.least() > max(alone, default=-np.inf):
            yield each


def _alike(one: Cell, other: Cell) -> bool:
    a, b = one.rows(), other.rows()
    return bool(np.count_nonzero(a & b) > ALIKE * np.count_nonzero(a | b))
