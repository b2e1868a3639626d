"""``QuantileNormal``: numbers as normal scores, by their ranks among the training days' values."""

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import Any

from pipelines.core.declared import declared
from pipelines.operators.operator import SKETCH, Fit, Operator, State
from pipelines.operators.sketch import mean_ranks, merged_sketches, sketch_of

# Beyond that are 3 values in a thousand of a normal distribution.
HIGHEST = 3.0


@declared
class QuantileNormal(Operator):
    """Monotone numbers that are normally distributed: the normal quantile of each value's mean rank.

    Long tails and gaps do not matter to it, only the order of values; equal values get the score of the middle of
    their ranks. Scores are within 3 of 0, and linear between ``n`` quantiles of the training days' values, which
    lie as densely in the tails as in the middle.

    Source:
        B. L. van der Waerden, "Order tests for the two-sample problem and their power", Indagationes
        Mathematicae 14, 1952, for scores by normal quantiles of ranks.

    Attributes:
        n: Number of quantiles.
    """

    n: int = 200

    def problems(self) -> Iterator[str]:
        """A number of quantiles out of range."""
        if self.n is not None and not 2 <= self.n <= 1 << 12:  # noqa: PLR2004  each is in the program
            yield f"n must be 2 to 4,096; got {self.n!r}."

    def statistic(self) -> str:
        """The distribution of the values."""
        return SKETCH

    def partial(self, xp: Any, values: Any) -> State:
        """A sketch of the known values."""
        return sketch_of(xp, values)

    def merge(self, parts: Sequence[State]) -> State:
        """Add the counts."""
        return merged_sketches(parts)

    def finalise(self, state: State) -> Fit:
        """``values``, ascending, and the ``scores`` at them; one of 0 where there are no values."""
        normal, step = NormalDist(), 2 * HIGHEST / (self.n - 1)
        even = [normal.cdf(nth * step - HIGHEST) for nth in range(1, self.n - 1)]
        values, shares = mean_ranks(state, [0.0, *even, 1.0])
        scores = [max(-HIGHEST, min(normal.inv_cdf(share), HIGHEST)) for share in shares]
        return {"values": values or [0.0], "scores": scores or [0.0]}

    def ready(self, xp: Any, fit: Fit) -> Fit:
        """Values and scores as arrays."""
        return {name: xp.asarray(list(fit[name]), xp.float64) for name in ("values", "scores")}

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Unknown stays unknown; the training set stores it as 0, the middle."""
        edges, scores = fit["values"], fit["scores"]
        if len(edges) == 1:
            return (values * 0.0 + scores[0],)
        values = xp.where(values < edges[0], edges[0], values)
        values = xp.where(values > edges[-1], edges[-1], values)
        at = xp.clip(xp.searchsorted(edges, values, side="right"), 1, len(edges) - 1)
        low, high = edges[at - 1], edges[at]
        below, above = scores[at - 1], scores[at]
        # The sum may round to more than what the next value has.
        return (xp.minimum(below + (values - low) / (high - low) * (above - below), above),)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform``."""
        edges, scores = (tf.constant(list(fit[n]), values.dtype) for n in ("values", "scores"))
        if len(fit["values"]) == 1:
            return (values * 0.0 + scores[0],)
        values = tf.where(values < edges[0], edges[0], values)
        values = tf.where(values > edges[-1], edges[-1], values)
        index = tf.searchsorted(edges, values, side="right")
        at = tf.clip_by_value(index, 1, len(fit["values"]) - 1)
        low, high = tf.gather(edges, at - 1), tf.gather(edges, at)
        below, above = tf.gather(scores, at - 1), tf.gather(scores, at)
        found = below + (values - low) / (high - low) * (above - below)
        return (tf.where(found > above, above, found),)
