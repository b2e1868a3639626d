"""95 % intervals by resampling entities.

Why: an entity's rows are alike; resampling rows would promise more certainty than there is.
Promise: seeded by the declared seed; the scores are sorted once, each resample only weights them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]

PERCENTILES = (2.5, 97.5)
Floats = NDArray[np.float64]


class Measured(Protocol):
    """One model's predictions of the rows that count, arranged for its head's metrics."""

    @property
    def entity_index(self) -> NDArray[np.int64]:
        """Index of each row's entity among all, ``(n_rows,)``."""

    def metrics(self, copies: Floats | None = None) -> dict[str, float]:
        """Every metric, for so many copies of each entity."""


def resamples(n_entities: int, samples: int, seed: int) -> NDArray[np.float64]:
    """Copies of each entity in each resample, ``(samples, n_entities)``."""
    generator = np.random.Generator(np.random.Philox(key=[seed, 0]))
    shares = np.full(n_entities, 1 / n_entities)
    return generator.multinomial(n_entities, shares, size=samples).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Sampled:
    """One model's metrics, and in each resample.

    Attributes:
        metrics: Of all rows, those that are defined.
        each: Of each resample.
    """

    metrics: dict[str, float]
    each: tuple[dict[str, float], ...]

    @classmethod
    def of(cls, measured: Measured, copies: Iterable[NDArray[np.float64]]) -> "Sampled":
        """Evaluate on all rows, and on each resample."""
        metrics = {n: v for n, v in measured.metrics().items() if math.isfinite(v)}
        return cls(metrics, tuple(map(measured.metrics, copies)))

    def intervals(self) -> dict[str, Interval]:
        """The interval of each metric."""
        return {name: interval([e[name] for e in self.each]) for name in self.metrics}

    def less(self, other: "Sampled") -> dict[str, Interval]:
        """The interval of each metric's difference to another model's, resample by resample."""
        pairs = [*zip(self.each, other.each, strict=True)]
        both = (name for name in self.metrics if name in other.metrics)
        return {name: interval([a[name] - b[name] for a, b in pairs]) for name in both}


def interval(values: Sequence[float]) -> Interval:
    """The 2.5th and 97.5th percentile of the resamples in which the value is defined; nan where none."""
    defined = [value for value in values if math.isfinite(value)]
    if not defined:
        return (math.nan, math.nan)
    low, high = np.percentile(defined, PERCENTILES)
    return float(low), float(high)
