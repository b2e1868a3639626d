"""``Sequence``: the last events of an entity, in order, for networks that process events."""

from pipelines.core.declared import declared
from pipelines.operators.events import EventSource


@declared
class Sequence(EventSource):
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

    def name(self) -> str:
        """``customer_last_32``, as in the names of the model's inputs; ``patient_labs_last_8``."""
        return f"{self.whose()}_last_{self.steps}"

    def features(self) -> tuple[str, ...]:
        """Names of an event's numbers, in order."""
        return (*self.columns, "days_ago")
