"""How often each entity is in each resample, by a hash of its key.

Why: an entity that is seen on many days must be resampled alike on all of them, so that sums of single days add up to
    those of a month, and nobody needs to keep whose they are.
Promise: the same key, resample and seed give the same number, on any day and among any other entities.
Source: the Poisson bootstrap, J. A. Hanley and B. MacGibbon, "Creating non-parametric bootstrap samples using Poisson
    frequencies", Computer Methods and Programs in Biomedicine 83, 2006.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.hashing import mix

MOST_COPIES = 20
UNIT = 2.0**-53
BITS_LEFT_OUT = np.uint64(11)

POISSON = np.cumsum([math.exp(-1.0) / math.factorial(n) for n in range(MOST_COPIES)])


def entity_copies(
    hashes: NDArray[np.uint64], samples: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Copies of each entity in one resample after another, ``(n_entities,)``, each a Poisson number of mean 1.

    Args:
        hashes: A hash of each entity's key.
        samples: Number of resamples.
        seed: Another number gives other resamples.
    """
    first = mix(np, np.array([seed], np.int64).view(np.uint64))[0]
    salts = mix(np, np.arange(1, samples + 1, dtype=np.uint64) ^ first)
    for salt in salts:
        uniform = (mix(np, hashes ^ salt) >> BITS_LEFT_OUT).astype(np.float64) * UNIT
        yield np.searchsorted(POISSON, uniform, side="right").astype(np.float64)
