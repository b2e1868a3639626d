"""Entities that are texts as whole numbers: rows of one entity have one number, others another.

Why: histories have a text as its 64-bit hash, and of a million entities two may have the same.
Promise: entities of one hash are distinguished by a second, independent one; which number an entity
    has means nothing beyond the task.
Not here: the hashes (``pipelines/operators/hashing.py``). ``xp`` is numpy or cupy.
"""

from typing import Any

from pipelines.operators.array_types import Array


def entity_codes(xp: Any, hashed: Any, check: Any) -> Array:
    """A number from 0 for each entity, int64, shape ``(n_rows,)``.

    Args:
        xp: numpy or cupy.
        hashed: Hash of each row's entity, int64, shape ``(n_rows,)``.
        check: Its second hash.
    """
    order = xp.argsort(hashed)
    is_first, differs = _changes(xp, hashed[order]), _changes(xp, check[order])
    if bool((differs & ~is_first).any()):
        order = xp.lexsort(xp.stack([check, hashed]))
        is_first = _changes(xp, hashed[order]) | _changes(xp, check[order])
    codes = xp.empty(len(order), dtype=xp.int64)
    codes[order] = xp.cumsum(is_first) - 1
    return codes


def _changes(xp: Any, ordered: Any) -> Array:
    """Where a value differs from the one before; the first does."""
    changes = xp.ones(len(ordered), dtype=bool)
    changes[1:] = ordered[1:] != ordered[:-1]
    return changes
