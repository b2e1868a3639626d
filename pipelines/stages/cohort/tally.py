"""Counts of a model's examples while they are drawn, partition by partition.

Why: a reader must be able to follow every example from the table to the model, or to why it is not in it.
Promise: counts and curves do not depend on the order of the rows; of rows only times and causes are kept, of
    entities a hash.
Not here: what follows from them (``summary.py``).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.tables.cohort_names import COHORT_PARTS, REASONS, TEST, TRAIN, VALIDATION
from pipelines.stages.cohort.drawing import AT, Drawn
from pipelines.stages.cohort.events import COMPETING_EVENT, EVENT

NOBODY = np.zeros(0, np.uint64)


@dataclass(slots=True)
class CohortGroup:
    """Some rows: how many, of which entities."""

    rows: int = 0
    entities: NDArray[np.uint64] = field(default_factory=NOBODY.copy)

    def add(self, entities: NDArray[np.uint64]) -> None:
        """Count more rows, by the hash of each one's entity."""
        self.rows += len(entities)
        self.entities = np.union1d(self.entities, entities)

    def counts(self) -> dict[str, int]:
        """As in the summary."""
        return {"rows": self.rows, "entities": len(self.entities)}


@dataclass(slots=True)
class PartEnds:
    """How the rows of a part ended that are at risk, those of unknown label too, partition by partition."""

    days: list[NDArray[np.float64]] = field(default_factory=list)
    cause: list[NDArray[np.int8]] = field(default_factory=list)
    followed: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(self, drawn: Drawn, rows: NDArray[np.bool_]) -> None:
        """Take in rows of a partition."""
        self.days.append(drawn.days[rows])
        self.cause.append(drawn.cause[rows])
        self.followed.append(drawn.followed[rows])

    def together(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.bool_]]:
        """Days, causes and whether each was followed to its end or the horizon."""
        return (
            np.concatenate([np.zeros(0), *self.days]),
            np.concatenate([np.zeros(0, np.int8), *self.cause]),
            np.concatenate([np.zeros(0, bool), *self.followed]),
        )


@dataclass(slots=True)
class Tally:
    """What has been counted.

    Attributes:
        every: All examples.
        left_out: By reason.
        parts: Those that are in the model's data, by part.
        ends: How those at risk ended, by part.
        labels: Sum and number of the known labels of 0 and 1, by part.
    """

    every: CohortGroup = field(default_factory=CohortGroup)
    left_out: dict[str, CohortGroup] = field(
        default_factory=lambda: {r: CohortGroup() for r in REASONS[1:]}
    )
    parts: dict[str, CohortGroup] = field(
        default_factory=lambda: {p: CohortGroup() for p in COHORT_PARTS}
    )
    ends: dict[str, PartEnds] = field(
        default_factory=lambda: {p: PartEnds() for p in COHORT_PARTS}
    )
    events: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COHORT_PARTS, 0))
    competing: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COHORT_PARTS, 0))

    def add(self, drawn: Drawn, *, is_column: bool) -> None:
        """Count the rows of a partition.

        Args:
            drawn: The rows.
            is_column: Whether their label is a column: then an event is a label of 1.
        """
        self.every.add(drawn.entity)
        for number, reason in enumerate(REASONS[1:], start=1):
            self.left_out[reason].add(drawn.entity[drawn.left_out == number])
        for part in COHORT_PARTS:
            own = drawn.part == AT[part]
            taken = own & drawn.taken
            happened = drawn.label == 1 if is_column else drawn.cause == EVENT
            self.parts[part].add(drawn.entity[taken])
            self.events[part] += int(np.count_nonzero(happened & taken))
            self.competing[part] += int(
                np.count_nonzero((drawn.cause == COMPETING_EVENT) & taken)
            )
            self.ends[part].add(drawn, own & drawn.at_risk)

    def on_both_sides(self) -> int:
        """Entities that the model is trained or validated on, and tested on."""
        seen = np.union1d(self.parts[TRAIN].entities, self.parts[VALIDATION].entities)
        return len(np.intersect1d(seen, self.parts[TEST].entities))
