"""``Sequence``: the last events of an entity, in order, for networks that read events."""

from collections.abc import Iterator
from typing import ClassVar

from pipelines.declared import declared
from pipelines.operators.operator import SEQUENCE, FeatureSource


@declared
class Sequence(FeatureSource):
    """The entity's last ``steps`` rows up to the row itself (or a delay before it), oldest first.

    Attributes:
        entity: Name of the declared entity.
        columns: Numeric columns of each event; an event's age in days comes after them.
        steps: How many events; fewer are filled up with zeros behind the last.
        delay_days: Days until a row's values are known.
    """

    entity: str
    columns: tuple[str, ...]
    steps: int = 32
    delay_days: int = 0
    kind: ClassVar[str] = SEQUENCE

    def name(self) -> str:
        """``customer_last_32``, as the model's inputs have it."""
        return f"{self.entity}_last_{self.steps}"

    def features(self) -> tuple[str, ...]:
        """What a step holds, in order."""
        return (*self.columns, "days_ago")

    def names(self) -> tuple[str, ...]:
        """The block, ``(steps * features)`` numbers a row, and how many steps are there."""
        return f"seq_{self.name()}", f"len_{self.name()}"

    def look_back_days(self) -> int:
        """Whole days before the row's own day that it can reach."""
        raise NotImplementedError

    def problems(self) -> Iterator[str]:
        """No kernel computes it."""
        yield f"Sequence({self.entity}): sequences are not available yet."
