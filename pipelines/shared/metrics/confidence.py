"""What metrics are expected to be, from probabilities alone: before any label is known.

Why: labels come days or weeks after a score, and a model that fails must not stay unseen for so long.
Promise: exact expectations of the sums, if probabilities are those of the events (calibrated, and the relation of
    features to label is that of the training days); metrics that are ratios are the ratio of the expectations, which
    is near the expectation of the ratio where there are many rows.
Source: confidence-based performance estimation (CBPE), NannyML's documentation, "How it works: performance
    estimation", from version 0.5; D. Guillory, V. Shankar, S. Ebrahimi, T. Darrell and L. Schmidt, "Predicting with
    confidence on unseen distributions", ICCV 2021. AUC and average precision are derived here: each row counts as
    ``probability`` rows with the event and ``1 - probability`` rows without it.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.decisions import ALERTS, CAUGHT, EVENTS, ROWS, SQUARES, derived
from pipelines.shared.metrics.ranking import ranking
from pipelines.spec import Costs

Floats = NDArray[np.float64]


def expected_metrics(
    score: NDArray[np.floating],
    probability: Floats,
    decision: NDArray[np.bool_] | None,
    costs: Costs | None = None,
) -> dict[str, float]:
    """The metrics that rows of these probabilities lead one to expect, those that are defined.

    Args:
        score: What rows are ranked by, ``(n_rows,)``.
        probability: The probability of the event, ``(n_rows,)``.
        decision: Whether there is an alert, ``(n_rows,)``; None where nothing is decided.
        costs: What decisions cost; None where it is not declared.
    """
    if not len(probability):
        return {}
    sums = {
        ROWS: float(len(probability)),
        EVENTS: float(probability.sum()),
        SQUARES: float((probability * (1.0 - probability)).sum()),
    }
    if decision is not None:
        sums[ALERTS] = float(decision.sum())
        sums[CAUGHT] = float(probability[decision].sum())
    found = derived(sums, costs) | _ranked(score, probability)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _ranked(score: NDArray[np.floating], probability: Floats) -> dict[str, float]:
    order = ranking(np.zeros(len(score), bool), score)
    chance = probability[order.order]
    spread = np.cumsum(chance * (1.0 - chance))[order.last]
    true = np.cumsum(chance)[order.last]
    false = np.cumsum(1.0 - chance)[order.last]
    return {
        "auc": _expected_auc(true, false, spread[-1]),
        "average_precision": _expected_precision(true, false, spread),
    }


def _expected_auc(true: Floats, false: Floats, own: float) -> float:
    """Expected pairs in the right order over expected pairs; a row is in no pair with itself.

    Args:
        true: Expected events down to each distinct score, ``(n_scores,)``.
        false: Expected rows without the event, likewise.
        own: Expected pairs of rows with themselves, which the areas hold.
    """
    area = np.trapezoid(np.append(0.0, true), np.append(0.0, false)) - 0.5 * own
    pairs = true[-1] * false[-1] - own
    return float(area / pairs) if pairs > 0 else float("nan")


def _expected_precision(true: Floats, false: Floats, spread: Floats) -> float:
    """Expected sum of precisions at the events over expected events.

    At an event the row itself is one whole event and not its chance of one, which adds the ``spread``: the sum of
    ``probability * (1 - probability)`` down to each score.
    """
    found, more = np.diff(true, prepend=0.0), np.diff(spread, prepend=0.0)
    rows = true + false
    total = ((found * true + more) / rows).sum()
    return float(total / true[-1]) if true[-1] > 0 else float("nan")
