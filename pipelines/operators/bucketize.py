"""``Bucketize``: the index of the declared range that contains a number."""

from collections.abc import Iterator
from collections.abc import Sequence as Many
from itertools import pairwise
from typing import Any, ClassVar

from pipelines.core.declared import declared
from pipelines.operators.array_types import Array, Tensor
from pipelines.operators.operator import FIRST_ID, IDS, UNKNOWN_ID, Fit, Operator
from pipelines.operators.values import with_unknown

# Up to this many comparisons of whole arrays are faster than a search per row, or a gather.
FEW_EDGES = 4
# Integer edges within a range of this width are looked up in a table of its ids.
TABLE_IDS = 1 << 12


@declared
class Bucketize(Operator):
    """``2 +`` the number of edges at or below the value; 0 for an unknown one.

    Attributes:
        edges: Ascending; a value equal to an edge belongs to the range that starts there.
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

    def ready(self, xp: Any, fit: Fit) -> Fit:
        """Edges, or their table."""
        return ready_edges(xp, self.edges)

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Ids, int32."""
        return (bucket_ids(xp, values, fit),)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform``."""
        return (bucket_ids_graph(tf, values, self.edges),)


def ready_edges(xp: Any, edges: Many[float]) -> Fit:
    """The edges as ``bucket_ids`` needs them: a table of ids, an array, or a list."""
    if len(edges) <= FEW_EDGES:
        return {"few": list(edges)}
    array = xp.asarray(list(edges), xp.float64)
    if edges[-1] - edges[0] >= TABLE_IDS or any(edge % 1 for edge in edges):
        return {"edges": array}
    below = int(edges[0]) - 1
    wholes = xp.arange(below, int(edges[-1]) + 1).astype(xp.float64)
    passed = xp.searchsorted(array, wholes, side="right")
    return {"below": below, "ids": passed.astype(xp.int32) + xp.int32(FIRST_ID)}


def bucket_ids(xp: Any, values: Any, ready: Fit) -> Array:
    """Ids of ranges, int32; 0 where a value is unknown."""
    unknown = xp.isnan(values)
    if "ids" in ready:
        return with_unknown(xp, _looked_up(xp, values, unknown, ready), unknown, UNKNOWN_ID)
    if "few" in ready:
        passed = xp.zeros(len(values), xp.int8)
        for edge in ready["few"]:
            passed += values >= edge
    else:
        passed = xp.searchsorted(ready["edges"], values, side="right")
    ids = passed.astype(xp.int32)
    ids += xp.int32(FIRST_ID)
    return with_unknown(xp, ids, unknown, UNKNOWN_ID)


def _looked_up(xp: Any, values: Any, unknown: Any, ready: Fit) -> Array:
    """Ids from the table: between integer edges a value has the id of the integer below it."""
    below, ids = ready["below"], ready["ids"]
    if bool(unknown.any()):
        values = xp.where(unknown, float(below), values)
    index = xp.floor(xp.clip(values, below, below + len(ids) - 1))
    index -= below
    return xp.take(ids, index.astype(xp.int64))


def bucket_ids_graph(tf: Any, values: Any, edges: Many[float]) -> Tensor:
    """``bucket_ids`` for tensors."""
    index = tf.searchsorted(tf.constant(list(edges), tf.float64), values, side="right")
    return tf.where(tf.math.is_nan(values), UNKNOWN_ID, index + FIRST_ID)
