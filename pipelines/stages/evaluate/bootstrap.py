"""95 % intervals by resampling entities.

Why: an entity's rows are alike; resampling rows would promise more certainty than there is.
Promise: seeded by the declared seed; the scores are sorted once, each resample only weights them.
"""

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (2.5, 97.5)


def resamples(n_entities: int, samples: int, seed: int) -> NDArray[np.float64]:
    """Copies of each entity in each resample, ``(samples, n_entities)``."""
    generator = np.random.Generator(np.random.Philox(key=[seed, 0]))
    shares = np.full(n_entities, 1 / n_entities)
    return generator.multinomial(n_entities, shares, size=samples).astype(np.float64)


def intervals(values: list[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """The 2.5th and 97.5th percentile of each metric over resamples that have both classes."""
    found = {}
    for name in values[0] if values else ():
        low, high = np.nanpercentile([v[name] for v in values], PERCENTILES)
        found[name] = (float(low), float(high))
    return found
