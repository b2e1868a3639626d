"""The head's primary metric alone, for what is compared by the hundred.

Promise: the same value as among all metrics of the head; of an event without sorting rows for any other metric.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.ranking import Ranking, average_precision, curve, ranking
from pipelines.spec import Binary, metrics_of, primary_metric
from pipelines.stages.evaluate.heads.protocol import (
    Floats,
    HeadEvaluation,
    Predictions,
    Yardstick,
)
from pipelines.stages.evaluate.rows import TestRows

Primary = Callable[[Floats | None], float]
"""The metric, for so many copies of each entity; nan where it is not defined."""


@dataclass(frozen=True, slots=True)
class RankedPrecision:
    """Average precision of rows that were sorted once."""

    ranked: Ranking
    entity_index: NDArray[np.int64]
    row_weight: Floats

    def __call__(self, copies: Floats | None) -> float:
        """Of so many copies of each entity."""
        weight = self.row_weight
        if copies is not None:
            weight = weight * copies[self.entity_index]
        return average_precision(*curve(self.ranked, weight))


def primary_of(
    head: HeadEvaluation, rows: TestRows, predictions: Predictions, yardstick: Yardstick
) -> Primary:
    """Arrange predictions for the primary metric of their head."""
    declared = head.head
    if isinstance(declared, Binary):
        here = rows.counted
        _, index = np.unique(rows.entity[here], return_inverse=True)
        ranked = ranking(rows.events[here], predictions["score"][here])
        return RankedPrecision(ranked, index, rows.weight[here])
    name = primary_metric(declared)
    alone = replace(yardstick, evaluation=replace(yardstick.evaluation, horizons_days=()))
    measured = head.measured(rows, predictions, alone)
    return lambda copies: measured.metrics(copies).get(name, math.nan)


def more_is_better(head: HeadEvaluation) -> bool:
    """Whether a larger value of the primary metric is a better one."""
    declared = head.head
    return bool(metrics_of(declared)[primary_metric(declared)])
