"""Entities whose event is known: they need no alert, and finding them again would flatter any model.

Source: the protocol of Le Borgne et al., "Reproducible Machine Learning for Credit Card Fraud
    Detection", 2022, chapter 5.2 (entities known by then removed).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.tables.entity_numbers import Numbers

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class FirstEvents:
    """Entities with an event.

    Attributes:
        entities: Their numbers, ascending, ``(n_entities,)``.
        day: Number of each one's first day with an event, ``(n_entities,)``.
    """

    entities: Numbers
    day: Numbers

    def by(self, entity: Numbers, day: Numbers) -> NDArray[np.bool_]:
        """Whether the entity of each row had an event before the row's day, ``(n_rows,)``."""
        if len(self.entities) == 0:
            return np.zeros(len(entity), bool)
        index = np.minimum(np.searchsorted(self.entities, entity), len(self.entities) - 1)
        had = np.where(self.entities[index] == entity, self.day[index], NEVER)
        return np.asarray(had < day)


def first_events(events: Iterable[tuple[Numbers, Numbers]]) -> FirstEvents:
    """The first events, from the entity and the day of every event."""
    entity, number = (np.concatenate(each) for each in zip(*events, strict=True))
    found, index = np.unique(entity, return_inverse=True)
    first = np.full(len(found), NEVER, np.int64)
    np.minimum.at(first, index, number)
    return FirstEvents(found, first)
