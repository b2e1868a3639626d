"""The bucket of an entity, by the hash of ``pipelines/operators/hashing.py``.

Why: a bucket written by one stage is read by others, on other days, machines and array
    libraries; all must assign the same entity to the same bucket.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.hashing import hash_wholes


def bucket_of(entity: NDArray[np.int64], buckets: int) -> NDArray[np.int64]:
    """Bucket of each entity, ``0`` to ``buckets - 1``, shape ``(n,)``."""
    return (hash_wholes(np, entity) % np.uint64(buckets)).astype(np.int64)
