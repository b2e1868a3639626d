"""Scores of an event, arranged once for every metric of theirs and every resample.

Promise: alerts are not weighed; a resample needs no second sort.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.calibration_line import CalibrationLine
from pipelines.shared.metrics.ranking import (
    EntityDays,
    Ranking,
    alert_precision,
    average_precision,
    curve,
    roc_auc,
)

Floats = NDArray[np.float64]

METRICS = ("auc", "average_precision", "alert_precision")


@dataclass(frozen=True, slots=True)
class MeasuredScores:
    """One model's scores, arranged for every metric.

    Attributes:
        ranked: Rows by falling score.
        days: Entities by day and falling score.
        entity_index: Index of each row's entity among all, ``(n_rows,)``.
        alerts_per_day: Entities looked at in a day.
        line: Calibration of the scores as probabilities.
        row_weight: Weight of each row; None where all count alike. Alerts are not weighed.
    """

    ranked: Ranking
    days: EntityDays
    entity_index: NDArray[np.int64]
    alerts_per_day: int
    line: CalibrationLine
    row_weight: Floats | None = None

    def metrics(self, copies: Floats | None = None) -> dict[str, float]:
        """Every headline metric, for so many copies of each entity."""
        weight = None if copies is None else copies[self.entity_index]
        if self.row_weight is not None:
            weight = self.row_weight if weight is None else weight * self.row_weight
        true, false = curve(self.ranked, weight)
        values = (
            roc_auc(true, false),
            average_precision(true, false),
            alert_precision(self.days, self.alerts_per_day, copies),
        )
        of_line = None if copies is None else copies[self.entity_index]
        return dict(zip(METRICS, values, strict=True)) | self.line.metrics(of_line)
