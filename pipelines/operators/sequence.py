"""``Sequence``: the last events of an entity, in order, for networks that process events."""

from collections.abc import Iterator
from typing import ClassVar

from pipelines.core.declared import declared
from pipelines.operators.operator import SEQUENCE, FeatureSource, Operator


@declared
class Sequence(FeatureSource):
    """The entity's last rows, oldest first, as a block of ``steps`` by ``features()``.

    Attributes:
        entity: Name of the declared entity.
        columns: Numeric columns of each event, followed by the event's age in days. Unknown values
            of an event are NaN.
        steps: Number of events; fewer are padded with zeros after the last.
        delay_days: Days until a row's values are known; events are then the last ones of
            (t - delay - within, t - delay].
        within_days: Length of the look-back in days, before the delay.
        own: Whether it ends with the row itself where there is no delay; of ties, which are in
            order of row id, it contains the earlier ones. Of another table it contains every row up
            to the row's time, ties included.
        table: Another declared table whose rows they are; None for the examples' own.
    """

    entity: str
    columns: tuple[str, ...]
    steps: int = 32
    delay_days: int = 0
    within_days: int = 30
    own: bool = True
    table: str | None = None
    kind: ClassVar[str] = SEQUENCE

    def name(self) -> str:
        """``customer_last_32``, as in the names of the model's inputs; ``patient_labs_last_8``."""
        whose = f"{self.entity}_{self.table}" if self.table else self.entity
        return f"{whose}_last_{self.steps}"

    def features(self) -> tuple[str, ...]:
        """Names of an event's numbers, in order."""
        return (*self.columns, "days_ago")

    def names(self) -> tuple[str, str]:
        """The block, ``(steps * features)`` numbers per row, and the number of events."""
        return f"seq_{self.name()}", f"len_{self.name()}"

    def lines(self) -> Iterator[tuple[str, tuple[str, ...], tuple[Operator, ...]]]:
        """One line for each number of an event."""
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
                f"Sequence({self.entity}): steps and within_days must be 1 or more, delay_days 0 "
                f"or more."
            )
