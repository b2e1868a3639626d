"""``Vocabulary``: an id for each frequent value, in the order of descending frequency."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pipelines.core.declared import declared
from pipelines.core.errors import TrainingError
from pipelines.operators.array_types import Array
from pipelines.operators.moments import CHUNK_ROWS
from pipelines.operators.operator import (
    CATEGORICAL,
    COUNTS,
    FIRST_ID,
    IDS,
    RARE_ID,
    UNKNOWN_ID,
    Fit,
    Operator,
    State,
)
from pipelines.operators.values import (
    NULL_WHOLE,
    Categories,
    Words,
    gathered,
    on_host,
    with_unknown,
)

# Integers within a range this many times as long as the rows are counted in an array.
DENSE = 4
# A table of so many ids fits the cache, however few of its entries are values.
FEW_VALUES = 1 << 16
MOST_DISTINCT = 10_000_000


@declared
class Vocabulary(Operator):
    """``2 +`` the rank of the value among the training days' values, the most frequent first.

    Equal counts are ordered by value (texts by their UTF-8 bytes). 0 for an unknown value, 1 for
    one that is rare, beyond ``max_size``, or unseen.

    Attributes:
        min_count: Minimum number of rows of the training days with the value.
        max_size: Maximum number of values, the most frequent ones.
    """

    min_count: int = 1
    max_size: int = 1_000_000
    takes: ClassVar[str] = CATEGORICAL
    gives: ClassVar[str] = IDS

    def problems(self) -> Iterator[str]:
        """Limits below 1."""
        for name in ("min_count", "max_size"):
            if (value := getattr(self, name)) is not None and not value >= 1:
                yield f"{name} must be 1 or more; got {value!r}."

    def statistic(self) -> str:
        """The number of rows with each value."""
        return COUNTS

    def size(self, fit: Fit) -> int:
        """The values kept and the reserved ids."""
        return len(fit["table"]["value"]) + FIRST_ID

    def partial(self, xp: Any, values: Categories) -> State:
        """Each known value, ascending, and its count."""
        if isinstance(values, Words):
            return _counted_words(xp, values)
        held, counts = _counted_wholes(xp, values)
        return _state(on_host(held), on_host(counts))

    def merge(self, parts: Sequence[State]) -> State:
        """Add the counts of equal values: exact, in any order and grouping.

        Raises:
            TrainingError: More than ``MOST_DISTINCT`` distinct values.
        """
        tables = [part["table"] for part in parts if len(part["table"]["value"])]
        if not tables:
            return parts[0]
        held, total = _summed(tables)
        if len(held) > MOST_DISTINCT:
            raise TrainingError(
                f"{len(held):,} distinct values; a Vocabulary is fitted to {MOST_DISTINCT:,} at most. "
                "Use Hash(buckets) for this column, or Numeric if it is an amount."
            )
        return _state(held, total)

    def finalise(self, state: State) -> Fit:
        """The values kept, in the order of their ids."""
        import numpy as np

        held, counts = state["table"]["value"], state["table"]["count"]
        # A stable sort of ascending values: equal counts stay in the order of values.
        order = np.argsort(-counts, kind="stable")
        order = order[counts[order] >= self.min_count][: self.max_size]
        return {"table": {"value": held.take(order)}}

    def ready(self, xp: Any, fit: Fit) -> Fit:
        """For integers a table of ids, or the values in ascending order."""
        vocabulary = fit["table"]["value"]
        if not hasattr(vocabulary, "dtype"):
            return fit
        vocabulary = xp.asarray(vocabulary)
        first, last = (
            (int(vocabulary.min()), int(vocabulary.max())) if len(vocabulary) else (0, -1)
        )
        if 0 <= last - first < DENSE * max(len(vocabulary), FEW_VALUES):
            return {"first": first, "ids": _table(xp, vocabulary, first, last)}
        order = xp.argsort(vocabulary)
        ids = order.astype(xp.int32) + xp.int32(FIRST_ID)
        return {"ascending": vocabulary[order], "ids": ids}

    def transform(self, xp: Any, values: Categories, fit: Fit) -> tuple[Any, ...]:
        """Ids, int32."""
        if isinstance(values, Words):
            return (
                gathered(xp, _ids_of_words(values.words, fit["table"]["value"]), values.code),
            )
        find = _searched if "ascending" in fit else _looked_up
        return (with_unknown(xp, find(xp, values, fit), values == NULL_WHOLE, UNKNOWN_ID),)

    def tables(self, tf: Any, fit: Fit) -> Any:
        """A lookup table from values to ids."""
        vocabulary = fit["table"]["value"]
        words = not hasattr(vocabulary, "dtype")
        values = vocabulary.to_pylist() if words else vocabulary
        keys = tf.constant(values, tf.string if words else tf.int64, shape=(len(values),))
        ids = tf.range(FIRST_ID, FIRST_ID + len(values), dtype=tf.int32)
        start = tf.lookup.KeyValueTensorInitializer(keys, tf.cast(ids, tf.int64))
        return tf.lookup.StaticHashTable(start, RARE_ID)

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """Equal to ``transform``."""
        unknown = "" if values.dtype == tf.string else NULL_WHOLE
        ids = tf.cast(tables.lookup(values), tf.int32)
        return (
            tf.where(tf.equal(values, tf.constant(unknown, values.dtype)), UNKNOWN_ID, ids),
        )


def _counted_words(xp: Any, values: Words) -> State:
    import numpy as np
    import pyarrow.compute as pc

    # Shifted by one, so that the unknown (-1) are counted first and then dropped.
    counts = on_host(_counted(xp, values.code, -1, len(values.words) + 1))[1:]
    order = pc.sort_indices(values.words).to_numpy()
    order = order[counts[order] > 0]
    return _state(values.words.take(order), counts[order].astype(np.int64))


def _counted_wholes(xp: Any, known: Any) -> tuple[Any, Any]:
    first = int(known.min()) if len(known) else 0
    if first == NULL_WHOLE:
        known = known[known != NULL_WHOLE]
        first = int(known.min()) if len(known) else 0
    if not len(known):
        return xp.zeros(0, xp.int64), xp.zeros(0, xp.int64)
    size = int(known.max()) - first + 1
    if size <= DENSE * len(known):
        counts = _counted(xp, known, first, size)
        held = xp.flatnonzero(counts)
        return held + first, counts[held]
    return tuple(xp.unique(known, return_counts=True))


def _counted(xp: Any, values: Any, first: int, size: int) -> Array:
    """Counts of ``first``, ``first + 1`` and so on, shape ``(size,)``."""
    total = xp.zeros(size, xp.int64)
    # Small tables are counted chunk by chunk, in the cache; larger ones at once.
    step = CHUNK_ROWS if size <= CHUNK_ROWS else max(len(values), 1)
    for begin in range(0, len(values), step):
        total += xp.bincount(values[begin : begin + step] - first, minlength=size)
    return total


def _summed(tables: Sequence[Any]) -> tuple[Any, Any]:
    """Distinct values, ascending, and their total counts over all tables."""
    import numpy as np

    values, counts = ([table[name] for table in tables] for name in ("value", "count"))
    if hasattr(values[0], "dtype"):
        first, last = min(each[0] for each in values), max(each[-1] for each in values)
        # No more memory than their concatenation would take.
        if int(last) - int(first) < sum(map(len, values)):
            return _summed_in_array(values, counts, int(first), int(last))
        held, index = np.unique(np.concatenate(values), return_inverse=True)
    else:
        held, index = _distinct_words(values)
    total = np.zeros(len(held), np.int64)
    np.add.at(total, index, np.concatenate(counts))
    return held, total


def _summed_in_array(
    values: Sequence[Any], counts: Sequence[Any], first: int, last: int
) -> tuple[Any, Any]:
    import numpy as np

    total = np.zeros(last - first + 1, np.int64)
    for held, count in zip(values, counts, strict=True):
        total[held - first] += count  # a table has each value once
    held = np.flatnonzero(total)
    return held + first, total[held]


def _distinct_words(words: list[Any]) -> tuple[Any, Any]:
    """Distinct texts, ascending, and the index of each given one among them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pa.concat_arrays(words).dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    index_of = np.empty(len(order), np.int64)
    index_of[order] = np.arange(len(order))
    return encoded.dictionary.take(order), index_of[encoded.indices.to_numpy()]


def _ids_of_words(words: Any, vocabulary: Any) -> Any:
    """Id of each text, int32, and last that of an unknown one."""
    import numpy as np
    import pyarrow.compute as pc

    index = pc.fill_null(pc.index_in(words, vocabulary), RARE_ID - FIRST_ID)
    ids = index.to_numpy(zero_copy_only=False).astype(np.int32) + np.int32(FIRST_ID)
    return np.append(ids, np.int32(UNKNOWN_ID))


def _table(xp: Any, vocabulary: Any, first: int, last: int) -> Array:
    """Ids of all integers from the first to the last, and one more at each end for those beyond."""
    table = xp.full(last - first + 3, RARE_ID, xp.int32)
    table[vocabulary - first + 1] = xp.arange(len(vocabulary), dtype=xp.int32) + FIRST_ID
    return table


def _looked_up(xp: Any, values: Any, ready: Fit) -> Array:
    """One gather per row."""
    first, ids = ready["first"], ready["ids"]
    low, high = max(first - 1, -(2**63)), min(first + len(ids) - 2, 2**63 - 1)
    index = xp.clip(values, low, high)
    index -= first - 1
    return xp.take(ids, index)


def _searched(xp: Any, values: Any, ready: Fit) -> Array:
    ascending, ids = ready["ascending"], ready["ids"]
    if not len(ascending):
        return xp.full(len(values), RARE_ID, xp.int32)
    index = xp.minimum(xp.searchsorted(ascending, values), len(ascending) - 1)
    return xp.where(ascending[index] == values, ids[index], xp.int32(RARE_ID))


def _state(values: Any, counts: Any) -> State:
    return {"table": {"value": values, "count": counts}}
