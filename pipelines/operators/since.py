"""``Since``: the time from a timestamp to the example, such as a patient's age."""

from collections.abc import Iterator
from typing import Any

from pipelines.core.declared import declared, nearest
from pipelines.operators.array_types import Array
from pipelines.operators.attributes import attribute_problems
from pipelines.operators.operator import FeatureSource

DAY_US = 86_400_000_000
UNITS_US = {"years": DAY_US * 1461 // 4, "days": DAY_US}
"""A year is 365.25 days."""


@declared
class Since(FeatureSource):
    """Time from a timestamp to the example's event time, as a number.

    The timestamp is a column of the row itself, or an attribute of one of its entities. Unknown where it is
    null, and where it is later than the example: nobody knew it then. Its default operator is
    ``Standardise``.

    Attributes:
        column: Name of the timestamp column.
        entity: Entity whose attribute it is; None for a column of the row itself.
        table: Static table with a row for each of the entity; its ``row_id`` is the entity's column.
        unit: ``years`` of 365.25 days, or ``days``.
    """

    column: str
    entity: str | None = None
    table: str | None = None
    unit: str = "years"

    def names(self) -> tuple[str, ...]:
        """``years_since_admitted``; of an attribute ``patient_years_since_born``."""
        name = f"{self.unit}_since_{self.column}"
        return (f"{self.entity}_{name}" if self.entity else name,)

    def reads(self) -> tuple[str, ...]:
        """The column, where it is one of the row itself."""
        return () if self.table else (self.column,)

    def problems(self) -> Iterator[str]:
        """An attribute without its table or its entity, or another unit."""
        yield from attribute_problems("Since", self.column, self.entity, self.table)
        if self.unit not in UNITS_US:
            yield f"Since({self.column!r}): unit {self.unit!r}. {nearest(self.unit, UNITS_US)}"

    def of(self, xp: Any, elapsed_us: Any, known: Any) -> Array:
        """Its values, float64, NaN where unknown.

        Args:
            xp: Array module.
            elapsed_us: Whole microseconds from the timestamp to the example, int64.
            known: Where both are known.
        """
        there = known & (elapsed_us >= 0)
        return xp.where(there, elapsed_us / UNITS_US[self.unit], xp.nan)
