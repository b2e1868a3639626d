"""``Numeric``: a numeric column of the row."""

from pipelines.core.declared import declared
from pipelines.operators.operator import FeatureSource


@declared
class Numeric(FeatureSource):
    """A numeric column of the row itself; its default operator is ``Standardise``.

    Attributes:
        column: Name of the column: a number, an integer or a flag.
    """

    column: str

    def names(self) -> tuple[str, ...]:
        """The column's own name."""
        return (self.column,)

    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)
