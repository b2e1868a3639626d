"""``Visits``: the last days on which something happened to an entity, in order, from a long-form table."""

from collections.abc import Iterator

from pipelines.core.declared import declared
from pipelines.operators.column_names import in_name
from pipelines.operators.events import EventSource


@declared
class Visits(EventSource):
    """The entity's last visits, oldest first: a step is a local day with a row of some declared code.

    The numbers of a step: of each of ``codes`` the last value of that day, NaN where none was measured, and
    whether one was (``hdl_measured``); of each of ``events`` whether it happened that day; ``days_ago``,
    from its last row to the example; ``days_since_before``, from the visit before within the look-back,
    NaN for the first. Steps of a chain (``>> Standardise()``) are applied to the values and the days, and
    never to what is 1 or 0. Of the example's own day rows up to the example count.

    Attributes:
        entity: Name of the declared entity.
        code: Column that says what a row is about, such as a test or a diagnosis.
        column: Numeric column of the values that were measured; None where there are no ``codes``.
        codes: Values of ``code`` whose rows have a measured value.
        events: Values of ``code`` whose rows count by having happened.
        steps: Number of visits; fewer are padded with zeros after the last.
        delay_days: Days until a row's values are known; visits are then the last ones of
            (t - delay - within, t - delay].
        within_days: Length of the look-back in days, before the delay.
        table: Another declared table whose rows they are; None for the examples' own.
    """

    entity: str
    code: str
    column: str | None = None
    codes: tuple[str | float, ...] = ()
    events: tuple[str | float, ...] = ()
    steps: int = 16
    delay_days: int = 0
    within_days: int = 365
    table: str | None = None

    def name(self) -> str:
        """``patient_visits_16``; over another table ``patient_labs_visits_16``."""
        return f"{self.whose()}_visits_{self.steps}"

    def features(self) -> tuple[str, ...]:
        """Names of a visit's numbers, in order."""
        values = map(in_name, self.codes)
        return (*values, *self._flags(), "days_ago", "days_since_before")

    def unprocessed(self) -> frozenset[str]:
        """What is 1 or 0."""
        return frozenset(f"{self.name()}.{flag}" for flag in self._flags())

    def problems(self) -> Iterator[str]:
        """Numbers out of range, nothing to read, or values that have one name."""
        yield from super().problems()
        where = f"Visits({self.entity})"
        if not self.codes and not self.events:
            yield f"{where}: has neither codes nor events, so a visit would have nothing in it."
        if bool(self.codes) != (self.column is not None):
            given = (
                f"column={self.column!r} without codes"
                if self.column
                else "codes without column"
            )
            yield f"{where}: {given}. The values of codes are read from column; declare both or neither."
        names = self.features()
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{where}: several of its numbers would be named {name!r}. Leave out all but one."

    def _flags(self) -> tuple[str, ...]:
        measured = (f"{in_name(code)}_measured" for code in self.codes)
        return (*measured, *map(in_name, self.events))
