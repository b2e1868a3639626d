"""The entities of some rows as numbers, whatever they are in the table.

Why: grouping, ranking and resampling are done on integers.
Promise: exact, and in the order of the entities themselves, which breaks ties; a row without an
    entity is an entity of its own, as nothing is known of whom it is.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def numbered(parts: Sequence[pa.ChunkedArray]) -> list[Numbers]:
    """The number of each row's entity, the same in every part; an integer is its own.

    Args:
        parts: An entity's column of some tables.
    """
    whole = pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)
    is_own = pa.types.is_integer(whole.type) and not whole.null_count
    numbers = whole.to_numpy() if is_own else _coded(whole)
    return np.split(numbers, np.cumsum([len(part) for part in parts])[:-1])


def _coded(values: pa.ChunkedArray) -> Numbers:
    """Ranks of the values; nulls follow them, one by one."""
    coded = values.combine_chunks().dictionary_encode()
    words = coded.dictionary
    rank = np.empty(len(words) + 1, np.int64)
    rank[pc.sort_indices(words).to_numpy()] = np.arange(len(words))
    code = pc.fill_null(coded.indices, len(words)).to_numpy()
    is_null = code == len(words)
    numbers: Numbers = rank[code]
    numbers[is_null] = len(words) + np.arange(int(is_null.sum()))
    return numbers
