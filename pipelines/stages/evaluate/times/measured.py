"""Every metric of predicted times, prepared so that a resample only weighs rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.calibration_line import CalibrationLine, calibration_line
from pipelines.spec import horizon_metric
from pipelines.stages.evaluate.times.brier import brier, integrated
from pipelines.stages.evaluate.times.concordance import Concordance, concordance
from pipelines.stages.evaluate.times.dynamic_auc import DynamicAuc, dynamic_auc
from pipelines.stages.evaluate.times.follow_up import (
    Floats,
    FollowUp,
    Status,
    exact,
    status_at,
)
from pipelines.stages.evaluate.times.horizons import Horizons


@dataclass(frozen=True, slots=True)
class AtHorizon:
    """The metrics of one horizon: its AUC, the terms of its Brier score, and its calibration."""

    days: float
    auc: DynamicAuc
    brier: Floats
    line: CalibrationLine
    known: NDArray[np.int64]

    def metrics(self, copies: Floats | None, weight: Floats) -> dict[str, float]:
        """Each of them, for so many copies of each row."""
        found = {"auc": self.auc.value(weight), "brier": _mean(self.brier, weight)}
        found |= self.line.metrics(None if copies is None else copies[self.known])
        return {horizon_metric(name, self.days): value for name, value in found.items()}


@dataclass(frozen=True, slots=True)
class MeasuredTimes:
    """One model's predictions of times.

    Attributes:
        pairs: Pairs of rows.
        ibs: Terms of the integrated Brier score.
        at: The declared horizons.
        entity_index: Index of each row's entity among all, ``(n_rows,)``.
    """

    pairs: Concordance
    ibs: Floats
    at: tuple[AtHorizon, ...]
    entity_index: NDArray[np.int64]

    def metrics(self, copies: Floats | None = None) -> dict[str, float]:
        """Every metric, for so many copies of each entity."""
        of_rows = None if copies is None else copies[self.entity_index]
        weight = np.ones(len(self.entity_index)) if of_rows is None else of_rows
        found = self.pairs.metrics(of_rows) | {"ibs": _mean(self.ibs, weight)}
        for horizon in self.at:
            found |= horizon.metrics(of_rows, weight)
        return found


def measured_times(
    rows: FollowUp,
    survival: NDArray[np.floating],
    score: NDArray[np.floating],
    horizons: Horizons,
    entity_index: NDArray[np.int64],
) -> MeasuredTimes:
    """Arrange predictions of rows.

    Args:
        rows: How they ended.
        survival: Chance to be without the event at each cut of the head, ``(n_rows, n_cuts)``.
        score: Risk by which rows are ordered, ``(n_rows,)``.
        horizons: Cuts to evaluate.
        entity_index: Index of each row's entity.
    """
    chance, days = horizons.chance, [exact(cut) for _, cut in horizons.cuts]
    status = {n: status_at(rows, exact(cut), chance) for n, cut in horizons.cuts}
    risk = {n: 1.0 - survival[:, n].astype(np.float64) for n in status}
    terms = [brier(status[n], risk[n]) for n in status]
    return MeasuredTimes(
        pairs=concordance(rows, score.astype(np.float64), chance, horizons.last_days),
        ibs=integrated(days, terms),
        at=tuple(at_horizon(cut, status[n], risk[n]) for n, cut in horizons.own),
        entity_index=entity_index,
    )


def at_horizon(days: float, status: Status, risk: Floats) -> AtHorizon:
    """Arrange risks by a horizon."""
    known = np.flatnonzero(status.weight > 0)
    line = calibration_line(status.case[known], risk[known], status.weight[known])
    return AtHorizon(days, dynamic_auc(status, risk), brier(status, risk), line, known)


def _mean(term: Floats, weight: Floats) -> float:
    total = weight.sum()
    return float((term * weight).sum() / total) if total > 0 else float("nan")
