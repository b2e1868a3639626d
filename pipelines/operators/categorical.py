"""``Categorical``: a text or integer column whose values are categories, not amounts."""

from typing import ClassVar

from pipelines.core.declared import declared
from pipelines.operators.operator import CATEGORICAL, FeatureSource, Operator


@declared
class Categorical(FeatureSource):
    """A text, integer or flag column of categories; its default operator is ``Vocabulary``.

    Attributes:
        column: Name of the column.
    """

    column: str
    kind: ClassVar[str] = CATEGORICAL

    def names(self) -> tuple[str, ...]:
        """The column's own name."""
        return (self.column,)

    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def usual(self) -> tuple[Operator, ...]:
        """A vocabulary of every value."""
        from pipelines.operators.vocabulary import Vocabulary

        return (Vocabulary(),)
