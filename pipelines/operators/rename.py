"""``As``: another name, where two chains over one column would share it."""

from typing import Any, ClassVar

from pipelines.core.declared import declared
from pipelines.operators.operator import Fit, Operator


@declared
class As(Operator):
    """Give the output a name of its own."""

    to: str
    takes: ClassVar[str] = "any"
    gives: ClassVar[str] = "any"
    renames: ClassVar[bool] = True

    def name(self, before: str) -> str:
        """The name asked for."""
        return self.to

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """The values as they are."""
        return (values,)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """The values as they are."""
        return (values,)
