"""``As``: rename the output, where two chains over one column would have the same name."""

from typing import Any, ClassVar

from pipelines.core.declared import declared
from pipelines.operators.operator import Fit, Operator


@declared
class As(Operator):
    """Rename the output.

    Attributes:
        to: Its new name.
    """

    to: str
    takes: ClassVar[str] = "any"
    gives: ClassVar[str] = "any"
    renames: ClassVar[bool] = True

    def name(self, before: str) -> str:
        """The declared name."""
        return self.to

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """The values unchanged."""
        return (values,)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """The values unchanged."""
        return (values,)
