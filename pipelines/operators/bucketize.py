"""``Bucketize``: which of the declared ranges a number falls into."""

from collections.abc import Iterator
from collections.abc import Sequence as Many
from itertools import pairwise
from typing import Any, ClassVar

from pipelines.declared import declared
from pipelines.operators.operator import FIRST_ID, IDS, UNKNOWN_ID, Fit, Operator
from pipelines.operators.values import with_unknown

# So many comparisons of whole arrays are faster than a search a row.
FEW_EDGES = 32


@declared
class Bucketize(Operator):
    """``2 +`` the number of edges at or below the value; 0 for an unknown one.

    Attributes:
        edges: Ascending; a value equal to an edge belongs to the range that begins there.
    """

    edges: tuple[float, ...]
    gives: ClassVar[str] = IDS

    def problems(self) -> Iterator[str]:
        """Edges that do not ascend."""
        edges = self.edges or ()
        if not edges or any(low >= high for low, high in pairwise(edges)):
            yield f"edges must ascend, at least one; got {self.edges!r}."

    def name(self, before: str) -> str:
        """``amount_bucket``."""
        return f"{before}_bucket"

    def size(self, fit: Fit) -> int:
        """One more than edges, and the reserved ids."""
        return len(self.edges) + 1 + FIRST_ID

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Ids, int32."""
        return (bucket_ids(xp, values, self.edges),)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform``."""
        return (bucket_ids_graph(tf, values, self.edges),)


def bucket_ids(xp: Any, values: Any, edges: Many[float]) -> Any:
    """Ids of ranges, int32; 0 where a value is unknown."""
    if len(edges) <= FEW_EDGES:
        passed = xp.zeros(len(values), xp.int8)
        for edge in edges:
            passed += values >= edge
    else:
        passed = xp.searchsorted(xp.asarray(list(edges), xp.float64), values, side="right")
    ids = passed.astype(xp.int32)
    ids += xp.int32(FIRST_ID)
    return with_unknown(xp, ids, xp.isnan(values), UNKNOWN_ID)


def bucket_ids_graph(tf: Any, values: Any, edges: Many[float]) -> Any:
    """The same, of tensors."""
    place = tf.searchsorted(tf.constant(list(edges), tf.float64), values, side="right")
    return tf.where(tf.math.is_nan(values), UNKNOWN_ID, place + FIRST_ID)
