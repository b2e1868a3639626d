"""``Ratio``: one feature divided by another."""

from collections.abc import Iterator
from typing import Any

from pipelines.core.declared import declared
from pipelines.operators.operator import FeatureSource, Fit, Operator


@declared
class Ratio(FeatureSource):
    """Numerator over denominator, both named columns of the feature table.

    Unknown where either is, or where the denominator is 0.

    Attributes:
        numerator: Name of a number of the feature table.
        denominator: Name of another.
    """

    numerator: str
    denominator: str

    def names(self) -> tuple[str, ...]:
        """None: it is computed from other features."""
        return ()

    def lines(self) -> Iterator[tuple[str, tuple[str, ...], tuple[Operator, ...]]]:
        """``<numerator>_per_<denominator>``."""
        name = f"{self.numerator}_per_{self.denominator}"
        yield name, (self.numerator, self.denominator), (Divide(),)


@declared
class Divide(Operator):
    """The first step of a ``Ratio``; it takes both columns."""

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Numerator over denominator."""
        over, under = values
        some = under != 0
        return (xp.where(some, over / xp.where(some, under, 1.0), xp.nan),)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform``."""
        over, under = values
        one, unknown = (tf.constant(v, over.dtype) for v in (1.0, float("nan")))
        some = tf.not_equal(under, tf.zeros_like(under))
        return (tf.where(some, over / tf.where(some, under, one), unknown),)
