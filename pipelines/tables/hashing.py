"""The one hash that puts entities into buckets.

Why: a bucket written by one stage is read by others, on other days, machines and array
    libraries; all must put the same entity into the same bucket.
Promise: a bijection of 64-bit integers that never changes; plain integer arithmetic, so any
    array library computes the same.
"""

import numpy as np
from numpy.typing import NDArray

SHIFTS = (30, 27, 31)
MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def mix(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash 64-bit keys, shape ``(n,)``, with the finaliser of splitmix64.

    Source:
        Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014;
        the constants are Stafford's variant 13 of the MurmurHash3 finaliser, as in Vigna's
        public-domain ``splitmix64.c``.
    """
    first, second, last = (np.uint64(shift) for shift in SHIFTS)
    mixed = keys ^ (keys >> first)
    mixed *= np.uint64(MULTIPLIERS[0])
    mixed ^= mixed >> second
    mixed *= np.uint64(MULTIPLIERS[1])
    mixed ^= mixed >> last
    return mixed


def bucket_of(entity: NDArray[np.int64], buckets: int) -> NDArray[np.int64]:
    """Bucket of each entity, ``0`` to ``buckets - 1``, shape ``(n,)``."""
    hashed = mix(np.ascontiguousarray(entity, dtype=np.int64).view(np.uint64))
    return (hashed % np.uint64(buckets)).astype(np.int64)
