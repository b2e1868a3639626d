"""Categorical values as operators see them: words with codes, or whole numbers.

Why: a text column of a million rows has some distinct words; work per word and one gather per
    row is an order of magnitude less than work per row.
Promise: null, the empty word and ``NULL_WHOLE`` are unknown; there is no other way to say so.
"""

from dataclasses import dataclass
from typing import Any

NULL_WHOLE = -(2**63)
"""The whole number that means null where a tensor cannot hold one."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text column.

    Attributes:
        words: Distinct words on the host, a pyarrow string array without nulls.
        code: Place of each row's word, an integer array ``(n_rows,)``; -1 where it is unknown.
    """

    words: Any
    code: Any


Categories = Words | Any
"""``Words``, or int64 ``(n_rows,)`` with ``NULL_WHOLE`` where a whole number is unknown."""


def on_host(array: Any) -> Any:
    """A numpy array, from wherever it is."""
    return array.get() if hasattr(array, "get") else array


def gathered(xp: Any, per_word: Any, code: Any) -> Any:
    """``per_word`` of each row's word; its last entry is that of unknown ones."""
    return xp.take(xp.asarray(per_word), code)


def with_unknown(xp: Any, ids: Any, unknown: Any, unknown_id: int) -> Any:
    """``ids`` with that id where a value is unknown; no copy where none is."""
    return xp.where(unknown, xp.int32(unknown_id), ids) if bool(unknown.any()) else ids
