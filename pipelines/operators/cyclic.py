"""``Cyclic``: a periodic value as a point on a circle."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pipelines.core.declared import declared
from pipelines.operators.operator import Fit, Operator

TURN = 6.283185307179586


@declared
class Cyclic(Operator):
    """``sin(2 pi v / period)`` and ``cos(2 pi v / period)``, so that 23 h and 0 h are close.

    Attributes:
        period: The length of a period: 24 for hours, 7 for weekdays.
    """

    period: float
    ends: ClassVar[bool] = True

    def problems(self) -> Iterator[str]:
        """A period that is not above 0."""
        if self.period is not None and not self.period > 0:
            yield f"period must be above 0; got {self.period!r}."

    def name(self, before: str) -> str:
        """``hour_sin``."""
        return f"{before}_sin"

    def beside(self, before: str) -> tuple[str, ...]:
        """``hour_cos``."""
        return (f"{before}_cos",)

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Unknown stays unknown: 0 and 0 in the training set, the circle's middle."""
        angle = values * (TURN / self.period)
        return xp.sin(angle), xp.cos(angle)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform`` but for the last digit of the library's sine."""
        angle = values * tf.constant(TURN / self.period, values.dtype)
        return tf.sin(angle), tf.cos(angle)
