"""``Numeric``: a numeric column of the row, or of its entity's row in a static table."""

from collections.abc import Iterator

from pipelines.core.declared import declared
from pipelines.operators.attributes import attribute_problems
from pipelines.operators.operator import FeatureSource


@declared
class Numeric(FeatureSource):
    """A numeric column of the row itself, or an attribute of one of its entities.

    Its default operator is ``Standardise``.

    Attributes:
        column: Name of the column: a number, an integer or a flag.
        entity: Entity whose attribute it is; None for a column of the row itself.
        table: Static table with a row for each of the entity; its ``row_id`` is the entity's column.
    """

    column: str
    entity: str | None = None
    table: str | None = None

    def names(self) -> tuple[str, ...]:
        """The column's own name; of an attribute ``patient_birth_year``."""
        return (f"{self.entity}_{self.column}" if self.entity else self.column,)

    def reads(self) -> tuple[str, ...]:
        """The column, where it is one of the row itself."""
        return () if self.table else (self.column,)

    def problems(self) -> Iterator[str]:
        """An attribute without its table or its entity."""
        return attribute_problems("Numeric", self.column, self.entity, self.table)
