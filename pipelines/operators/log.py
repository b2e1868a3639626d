"""``Log``: amounts over several magnitudes, on one scale."""

from typing import Any

from pipelines.declared import declared
from pipelines.operators.operator import Fit, Operator


@declared
class Log(Operator):
    """``sign(v) * log(1 + |v|)``: odd, ascending and defined for every number."""

    def name(self, before: str) -> str:
        """``amount_log``."""
        return f"{before}_log"

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Unknown stays unknown."""
        size = xp.abs(values)
        xp.log1p(size, out=size)
        return (xp.copysign(size, values, out=size),)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform`` but for the last digit of the library's logarithm."""
        return (tf.sign(values) * tf.math.log1p(tf.abs(values)),)
