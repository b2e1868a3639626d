"""``Standardise``: the z-score, by the mean and deviation of the training days."""

from collections.abc import Sequence
from typing import Any

from pipelines.core.declared import declared
from pipelines.operators.moments import (
    chunk_moments,
    deviation,
    joined_moments,
    whole_moments,
)
from pipelines.operators.operator import MOMENTS, Fit, Operator, State


@declared
class Standardise(Operator):
    """``(v - mean) / deviation`` over the known values of the training days."""

    def statistic(self) -> str:
        """Mean and deviation."""
        return MOMENTS

    def partial(self, xp: Any, values: Any) -> State:
        """Count, mean and squared deviations of the known values."""
        return chunk_moments(xp, values)

    def merge(self, parts: Sequence[State]) -> State:
        """Concatenate the chunks in order."""
        return joined_moments(parts)

    def finalise(self, state: State) -> Fit:
        """``mean`` and ``deviation``, the latter 1 for a constant."""
        whole = whole_moments(state)
        return {"mean": whole["mean"], "deviation": deviation(whole)}

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Unknown stays unknown; the training set stores it as 0, the mean."""
        deviations = values - fit["mean"]
        deviations /= fit["deviation"]
        return (deviations,)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform`` but for the last digit: the graph may multiply instead."""
        mean, spread = (tf.constant(fit[name], values.dtype) for name in ("mean", "deviation"))
        return ((values - mean) / spread,)
