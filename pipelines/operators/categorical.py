"""``Categorical``: a text or integer column whose values are categories, not amounts."""

from collections.abc import Iterator
from typing import ClassVar

from pipelines.core.declared import declared
from pipelines.operators.attributes import attribute_problems
from pipelines.operators.operator import CATEGORICAL, FeatureSource, Operator


@declared
class Categorical(FeatureSource):
    """A text, integer or flag column of categories; its default operator is ``Vocabulary``.

    Attributes:
        column: Name of the column.
        entity: Entity whose attribute it is; None for a column of the row itself.
        table: Static table with a row for each of the entity; its ``row_id`` is the entity's column.
    """

    column: str
    entity: str | None = None
    table: str | None = None
    kind: ClassVar[str] = CATEGORICAL

    def names(self) -> tuple[str, ...]:
        """The column's own name; of an attribute ``patient_sex``."""
        return (f"{self.entity}_{self.column}" if self.entity else self.column,)

    def reads(self) -> tuple[str, ...]:
        """The column, where it is one of the row itself."""
        return () if self.table else (self.column,)

    def usual(self) -> tuple[Operator, ...]:
        """A vocabulary of every value."""
        from pipelines.operators.vocabulary import Vocabulary

        return (Vocabulary(),)

    def problems(self) -> Iterator[str]:
        """An attribute without its table or its entity."""
        return attribute_problems("Categorical", self.column, self.entity, self.table)
