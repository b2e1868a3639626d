"""``Clip``: limit values to declared bounds."""

from collections.abc import Iterator
from typing import Any

from pipelines.core.declared import declared
from pipelines.operators.operator import Fit, Operator


@declared
class Clip(Operator):
    """``min(max(v, low), high)``.

    Attributes:
        low: Smallest value; None for no bound.
        high: Largest value; None for no bound.
    """

    low: float | None = None
    high: float | None = None

    def problems(self) -> Iterator[str]:
        """No bound, or bounds in the wrong order."""
        if self.low is None and self.high is None:
            yield "has neither low nor high."
        elif self.low is not None and self.high is not None and self.low > self.high:
            yield f"low {self.low} is above high {self.high}."

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Unknown stays unknown: NaN is neither below nor above a bound."""
        if self.low is not None:
            values = xp.where(values < self.low, float(self.low), values)
        if self.high is not None:
            values = xp.where(values > self.high, float(self.high), values)
        return (values,)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform``."""
        if self.low is not None:
            values = tf.where(values < self.low, tf.constant(self.low, values.dtype), values)
        if self.high is not None:
            values = tf.where(values > self.high, tf.constant(self.high, values.dtype), values)
        return (values,)
