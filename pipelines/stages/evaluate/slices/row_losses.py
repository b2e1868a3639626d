"""How much worse each row's prediction is than it should be.

Why: a slice with more events has a larger log-loss with the best of models, and one with fewer a lower precision.
Promise: of an event the loss is that beyond the one which the row's own probability expects: 0 in the mean of any
    rows whose probabilities are right. Probabilities are first set right for all rows together, so that a slice is
    worse than the others and not merely part of a model whose scores are all too high.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.calibration_line import LEAST_RISK, fitted_line
from pipelines.shared.metrics.row_terms import RowTerms
from pipelines.shared.scoring.dense import sigmoid
from pipelines.spec import Binary, metrics_of, primary_metric
from pipelines.stages.evaluate.decisions import probability_of
from pipelines.stages.evaluate.heads.protocol import (
    Floats,
    HeadEvaluation,
    Predictions,
    Yardstick,
)
from pipelines.stages.evaluate.rows import TestRows

EXCESS = "log-loss beyond the expected"


def row_losses(
    head: HeadEvaluation, rows: TestRows, predictions: Predictions, yardstick: Yardstick
) -> tuple[str, Floats]:
    """What the loss is, and that of each row that counts."""
    declared, here = head.head, rows.counted
    if isinstance(declared, Binary):
        probability = probability_of(predictions)[here].astype(np.float64)
        return EXCESS, excess_losses(rows.events[here], probability, rows.weight[here])
    name = primary_metric(declared)
    measured = head.measured(rows, predictions, yardstick)
    assert isinstance(measured, RowTerms)
    term = measured.means[name]
    return name, -term if metrics_of(declared)[name] else term


def excess_losses(happened: NDArray[np.bool_], probability: Floats, weight: Floats) -> Floats:
    """Log-loss of each row less the one that its probability expects."""
    risk = np.clip(probability, LEAST_RISK, 1.0 - LEAST_RISK)
    log_odds = np.log(risk) - np.log1p(-risk)
    intercept, slope = fitted_line(happened, log_odds, weight, slope=True)
    if np.isfinite(intercept):
        log_odds = intercept + slope * log_odds
    return (sigmoid(log_odds) - happened) * log_odds
