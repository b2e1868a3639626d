"""``QuantileBuckets``: ranges with about equal numbers of training rows."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pipelines.core.declared import declared
from pipelines.operators.bucketize import bucket_ids, bucket_ids_graph, ready_edges
from pipelines.operators.operator import FIRST_ID, IDS, SKETCH, Fit, Operator, State
from pipelines.operators.sketch import merged_sketches, quantiles, sketch_of


@declared
class QuantileBuckets(Operator):
    """Bucketize at the training days' quantiles.

    An edge is at most a cell of the sketch's grid, 1/1024 of its value, below the exact one; for
    integers up to 2,048 it is exact. Equal edges are merged, so there may be fewer buckets.

    Attributes:
        n: Number of buckets.
    """

    n: int = 10
    gives: ClassVar[str] = IDS

    def problems(self) -> Iterator[str]:
        """A number of buckets out of range."""
        if self.n is not None and not 2 <= self.n <= 1 << 16:  # noqa: PLR2004  ids of 16 bits
            yield f"n must be 2 to 65,536; got {self.n!r}."

    def name(self, before: str) -> str:
        """``amount_bucket``."""
        return f"{before}_bucket"

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
        """The ``edges`` between buckets, ascending."""
        shares = [nth / self.n for nth in range(1, self.n)]
        return {"edges": sorted(set(quantiles(state, shares)))}

    def size(self, fit: Fit) -> int:
        """One more than edges, and the reserved ids."""
        return len(fit["edges"]) + 1 + FIRST_ID

    def ready(self, xp: Any, fit: Fit) -> Fit:
        """Edges, or their table."""
        return ready_edges(xp, fit["edges"])

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Ids, int32; 0 for unknown, else 2 + the number of edges at or below."""
        return (bucket_ids(xp, values, fit),)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform``."""
        return (bucket_ids_graph(tf, values, fit["edges"]),)
