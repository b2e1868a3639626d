"""95 % intervals by resampling entities.

Why: an entity's rows are alike; resampling rows would promise more certainty than there is.
Promise: seeded by the declared seed; the scores are sorted once, each resample only weighs them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.evaluate.metrics import (
    EntityDays,
    Ranking,
    alert_precision,
    average_precision,
    curve,
    roc_auc,
)

PERCENTILES = (2.5, 97.5)
NAMES = ("auc", "average_precision", "alert_precision")


@dataclass(frozen=True, slots=True)
class Judgeable:
    """One model's scores, arranged for every metric.

    Attributes:
        ranked: Rows by falling score.
        days: Entities by day and falling score.
        place: Place of each row's entity among all, ``(n_rows,)``.
        k: Entities looked at in a day.
    """

    ranked: Ranking
    days: EntityDays
    place: NDArray[np.int64]
    k: int

    def metrics(self, copies: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Every headline metric, for so many copies of each entity."""
        true, false = curve(self.ranked, None if copies is None else copies[self.place])
        values = (
            roc_auc(true, false),
            average_precision(true, false),
            alert_precision(self.days, self.k, copies),
        )
        return dict(zip(NAMES, values, strict=True))


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
