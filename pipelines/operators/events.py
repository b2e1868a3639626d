"""What sequences have in common: a block of steps by numbers, and how many steps there are.

Not here: what a step is (``sequence.py``, ``visits.py``).
"""

from collections.abc import Iterator
from typing import ClassVar

from pipelines.operators.operator import SEQUENCE, FeatureSource, Operator


class EventSource(FeatureSource):
    """The last events of an entity, oldest first, as a block of ``steps`` by ``features()``."""

    entity: str
    steps: int
    delay_days: int
    within_days: int
    table: str | None
    kind: ClassVar[str] = SEQUENCE

    def name(self) -> str:
        """As in the names of the model's inputs."""
        raise NotImplementedError

    def features(self) -> tuple[str, ...]:
        """Names of a step's numbers, in order."""
        raise NotImplementedError

    def names(self) -> tuple[str, str]:
        """The block, ``(steps * features)`` numbers per row, and the number of events."""
        return f"seq_{self.name()}", f"len_{self.name()}"

    def lines(self) -> Iterator[tuple[str, tuple[str, ...], tuple[Operator, ...]]]:
        """One line for each number of a step."""
        for feature in self.features():
            name = f"{self.name()}.{feature}"
            yield name, (name,), ()

    def look_back_days(self) -> int:
        """Number of days before the row's own day that it can reach."""
        return self.within_days + self.delay_days

    def problems(self) -> Iterator[str]:
        """Numbers out of range."""
        if not (self.steps > 0 and self.within_days > 0 and self.delay_days >= 0):
            yield (
                f"{type(self).__name__}({self.entity}): steps and within_days must be 1 or more, delay_days 0 "
                f"or more."
            )

    def whose(self) -> str:
        """How its name begins: ``customer``, or ``patient_labs`` over another table."""
        return f"{self.entity}_{self.table}" if self.table else self.entity
