"""``Hash``: a fixed number of ids for an unbounded number of values."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pipelines.core.declared import declared
from pipelines.operators.array_types import Array
from pipelines.operators.hashing import (
    hash_wholes,
    hash_wholes_graph,
    hash_words,
    hash_words_graph,
)
from pipelines.operators.operator import CATEGORICAL, FIRST_ID, IDS, UNKNOWN_ID, Fit, Operator
from pipelines.operators.values import NULL_WHOLE, Categories, Words, gathered, with_unknown

MOST_BUCKETS = 1 << 30


@declared
class Hash(Operator):
    """``2 + hash(v) mod buckets``; 0 for an unknown value. Not fitted, so no value is unseen.

    Attributes:
        buckets: Number of ids; values with the same id cannot be distinguished.
    """

    buckets: int
    takes: ClassVar[str] = CATEGORICAL
    gives: ClassVar[str] = IDS

    def problems(self) -> Iterator[str]:
        """A number of buckets that does not fit int32 ids."""
        if self.buckets is not None and not 1 <= self.buckets <= MOST_BUCKETS:
            yield f"buckets must be 1 to {MOST_BUCKETS:,}; got {self.buckets!r}."

    def name(self, before: str) -> str:
        """``merchant_hash``."""
        return f"{before}_hash"

    def size(self, fit: Fit) -> int:
        """The buckets and the reserved ids."""
        return self.buckets + FIRST_ID

    def transform(self, xp: Any, values: Categories, fit: Fit) -> tuple[Any, ...]:
        """Ids, int32."""
        if isinstance(values, Words):
            import numpy as np

            ids = self._ids(np, hash_words(values.words))
            return (gathered(xp, np.append(ids, np.int32(UNKNOWN_ID)), values.code),)
        ids = self._ids(xp, hash_wholes(xp, values))
        return (with_unknown(xp, ids, values == NULL_WHOLE, UNKNOWN_ID),)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform``."""
        words = values.dtype == tf.string
        hashed = hash_words_graph(tf, values) if words else hash_wholes_graph(tf, values)
        ids = tf.cast(hashed % tf.constant(self.buckets, tf.uint64), tf.int32) + FIRST_ID
        unknown = tf.equal(values, tf.constant("" if words else NULL_WHOLE, values.dtype))
        return (tf.where(unknown, UNKNOWN_ID, ids),)

    def _ids(self, xp: Any, hashed: Any) -> Array:
        if self.buckets & (self.buckets - 1) == 0:
            # The same remainder for a power of two, at a third of the cost.
            hashed = hashed & xp.uint64(self.buckets - 1)
        else:
            hashed = hashed % xp.uint64(self.buckets)
        return hashed.astype(xp.int32) + xp.int32(FIRST_ID)
