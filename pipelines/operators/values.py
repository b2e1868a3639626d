"""Categorical values as input of operators: dictionary-encoded texts, or integers.

Why: a text column of a million rows has few distinct texts; work per text and one gather per row
    is an order of magnitude less than work per row.
Promise: null, the empty text and ``NULL_WHOLE`` mean unknown; nothing else does.
"""

from dataclasses import dataclass
from typing import Any

from pipelines.operators.array_types import Array

NULL_WHOLE = -(2**63)
"""The integer that means null where a tensor cannot contain null."""


@dataclass(frozen=True, slots=True)
class Words:
    """A dictionary-encoded text column.

    Attributes:
        words: Distinct texts on the host, a pyarrow string array without nulls.
        code: Index of each row's text, an integer array ``(n_rows,)``; -1 where it is unknown.
    """

    words: Any
    code: Any


Categories = Words | Any
"""``Words``, or int64 ``(n_rows,)`` with ``NULL_WHOLE`` where an integer is unknown."""


def on_host(array: Any) -> Array:
    """The array as a NumPy array, copied from the device if necessary."""
    return array.get() if hasattr(array, "get") else array


def gathered(xp: Any, per_word: Any, code: Any) -> Array:
    """Gather ``per_word`` by code; its last entry is that of unknown texts."""
    return xp.take(xp.asarray(per_word), code)


def with_unknown(xp: Any, ids: Any, unknown: Any, unknown_id: int) -> Array:
    """``ids`` with ``unknown_id`` where a value is unknown; no copy where none is."""
    return xp.where(unknown, xp.int32(unknown_id), ids) if bool(unknown.any()) else ids
