"""``Fill``: replace unknown values, with an optional flag for them."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pipelines.core.declared import declared, nearest
from pipelines.operators.array_types import Array
from pipelines.operators.moments import chunk_moments, joined_moments, whole_moments
from pipelines.operators.operator import MOMENTS, SKETCH, Fit, Operator, State
from pipelines.operators.sketch import merged_sketches, quantiles, sketch_of

STATISTICS = ("mean", "median")


@declared
class Fill(Operator):
    """Replace unknown values; known values are unchanged.

    Attributes:
        value: ``mean`` or ``median`` of the training days' known values (0 where there are
            none), or a number.
        flag: Whether ``<name>_missing`` goes to the model too: 1 where a value was unknown.
    """

    value: str | float = "mean"
    flag: bool = False
    fills: ClassVar[bool] = True

    def problems(self) -> Iterator[str]:
        """A text that is not the name of a statistic."""
        if isinstance(self.value, str) and self.value not in STATISTICS:
            yield f"value {self.value!r}. {nearest(self.value, STATISTICS)}"

    def beside(self, before: str) -> tuple[str, ...]:
        """The flag's name."""
        return (f"{before}_missing",) if self.flag else ()

    def statistic(self) -> str:
        """Empty where a number is given."""
        if not isinstance(self.value, str):
            return ""
        return MOMENTS if self.value == "mean" else SKETCH

    def passes_on(self, xp: Any, values: Any) -> Array:
        """Known values alone: filled ones must not change the statistics of a later step."""
        return values

    def partial(self, xp: Any, values: Any) -> State:
        """Moments, or a sketch for the median."""
        return chunk_moments(xp, values) if self.value == "mean" else sketch_of(xp, values)

    def merge(self, parts: Sequence[State]) -> State:
        """Merge moments, or sketches for the median."""
        return joined_moments(parts) if self.value == "mean" else merged_sketches(parts)

    def finalise(self, state: State) -> Fit:
        """The ``value`` to fill in; a median is its grid cell's lowest number."""
        if self.value == "mean":
            return {"value": whole_moments(state)["mean"]}
        return {"value": next(iter(quantiles(state, [0.5])), 0.0)}

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """The filled values, and the flag where it is declared."""
        unknown = xp.isnan(values)
        filled = xp.where(unknown, self._value(fit), values)
        return (filled, unknown.astype(values.dtype)) if self.flag else (filled,)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform``."""
        unknown = tf.math.is_nan(values)
        filled = tf.where(unknown, tf.constant(self._value(fit), values.dtype), values)
        return (filled, tf.cast(unknown, values.dtype)) if self.flag else (filled,)

    def _value(self, fit: Fit) -> float:
        return float(fit["value"] if isinstance(self.value, str) else self.value)
