"""What a model's decisions do on the test days: probabilities, alerts, and what they cost beside other decisions.

Why: who runs a model asks what its threshold costs, whether another would have cost less, and whether enough people
    look at its alerts.
Promise: every figure is of the rows that count, as the metrics; costs are compared on the same rows.
Not here: the metrics and their intervals (``heads/binary.py``), the card (``card_decisions.py``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.costs import CostCurve, cost_curve, costs_of_rows
from pipelines.shared.metrics.probabilities import MeasuredProbabilities, reliability
from pipelines.shared.scoring.decision import Decision, read_decision
from pipelines.spec import Binary, Costs, Evaluation, Pipeline
from pipelines.stages.evaluate.rows import TestRows

SCORE, PROBABILITY, ALERT = "score", "probability", "alert"
CURVE_POINTS, REACH, LEAST_HIGHEST = 100, 4.0, 0.1

Arrays = Mapping[str, NDArray[Any]]


def decided(model: Path, scores: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """A model's ``score`` of each row, its ``probability``, and whether it is an ``alert`` where that is decided."""
    decision = read_decision(model)
    probability = decision.probability(scores)
    found = {SCORE: scores, PROBABILITY: probability}
    return (
        found if decision.threshold is None else found | {ALERT: decision.decides(probability)}
    )


def probability_of(predictions: Arrays) -> NDArray[np.float32]:
    """The probability of each row: the score, where there is no other."""
    return predictions.get(PROBABILITY, predictions[SCORE])


def costs_a_day(
    rows: TestRows, predictions: Arrays, costs: Costs | None
) -> NDArray[np.float64] | None:
    """What the decision over each row that counts adds to the cost of a day; None without costs.

    A model without a threshold is decided by that of the costs.
    """
    if costs is None:
        return None
    here = rows.counted
    of_costs = Decision(threshold=costs.threshold()).decides(probability_of(predictions))
    alert = predictions.get(ALERT, of_costs)[here]
    return costs_of_rows(costs, rows.events[here], alert) / len(np.unique(rows.day))


def threshold_in(decision: Decision, evaluation: Evaluation) -> tuple[float | None, str]:
    """A model's own threshold and where it is from; of one without, that of the declared costs."""
    if decision.threshold is None and evaluation.costs is not None:
        return evaluation.costs.threshold(), "costs"
    return decision.threshold, decision.threshold_from


def decision_facts(
    pipeline: Pipeline, model: Path, rows: TestRows, predictions: Arrays, champion: Path | None
) -> dict[str, Any]:
    """What ``metrics.json`` holds of decisions; nothing for a head whose rows are not decided over.

    Args:
        pipeline: As declared.
        model: Folder of the model.
        rows: Test rows.
        predictions: The model's, of every test row.
        champion: Folder of the champion that it is compared with; None without one.
    """
    if not isinstance(pipeline.head, Binary):
        return {}
    decision, evaluation = read_decision(model), pipeline.evaluation
    threshold, source = threshold_in(decision, evaluation)
    found = {
        "calibration": decision.calibration.settings(),
        "reason": decision.reason,
        "threshold": threshold,
        "threshold_from": source,
        "probabilities": _probabilities(rows, predictions),
    }
    if threshold is not None:
        found["alerts"] = _alerts(rows, predictions, threshold, evaluation.costs)
    if evaluation.costs is not None and threshold is not None:
        found["costs"] = _costs(evaluation.costs, rows, predictions, threshold)
    if champion is not None:
        theirs, _ = threshold_in(read_decision(champion), evaluation)
        found["champion_threshold"] = theirs
    return {"decision": found}


def _probabilities(rows: TestRows, predictions: Arrays) -> dict[str, Any]:
    """Metrics and reliability, of the score as it is and of the probability."""
    here, found = rows.counted, {}
    for name in (SCORE, PROBABILITY):
        happened, values, weight = rows.events[here], predictions[name][here], rows.weight[here]
        found[name] = {
            **MeasuredProbabilities.of(happened, values).metrics(weight),
            "reliability": reliability(happened, values, weight),
        }
    return found


def _alerts(
    rows: TestRows, predictions: Arrays, threshold: float, costs: Costs | None
) -> dict[str, Any]:
    """Rows and entities that are alerted in a day, what is found, and who looks at them."""
    here = rows.counted
    alert = here & (predictions[PROBABILITY].astype(np.float64) >= threshold)
    days = np.unique(rows.day)
    pairs = np.unique(np.stack([rows.day[alert], rows.entity[alert]]), axis=1)
    entities = np.array([np.count_nonzero(pairs[0] == day) for day in days])
    events = rows.weight * rows.events
    found, alerted = float(events[alert].sum()), float(rows.weight[alert].sum())
    return {
        "rows_per_day": alerted / len(days),
        "entities_per_day": float(entities.mean()),
        "most_entities": int(entities.max()),
        "precision": found / alerted if alerted else None,
        "recall": found / float(events[here].sum()),
        **({} if costs is None else _investigators(costs, entities)),
    }


def _investigators(costs: Costs, entities: NDArray[np.int64]) -> dict[str, float]:
    """People who look at the alerts of a mean day, and of the busiest."""
    each = costs.alerts_per_investigator
    return {
        "investigators": float(entities.mean()) / each,
        "most_investigators": -(-int(entities.max()) // each),
    }


def _costs(
    costs: Costs, rows: TestRows, predictions: Arrays, threshold: float
) -> dict[str, Any]:
    """Costs of a day at the threshold, without any, for everybody, and at the best one in hindsight."""
    here = rows.counted
    probability, days = predictions[PROBABILITY][here], len(np.unique(rows.day))
    curve = cost_curve(costs, rows.events[here], probability, rows.weight[here])
    best, lowest, alerts = curve.best()
    return {
        "work": costs.work(),
        "own": _a_day(*curve.at(threshold), days),
        "nobody": _a_day(curve.cost[0], curve.alerts[0], days),
        "everybody": _a_day(curve.cost[-1], curve.alerts[-1], days),
        "best": {
            "threshold": best if np.isfinite(best) else None,
            **_a_day(lowest, alerts, days),
        },
        "curve": _curve(curve, threshold, best, days),
    }


def _a_day(cost: float, alerts: float, days: int) -> dict[str, float]:
    return {"cost_per_day": float(cost) / days, "alerts_per_day": float(alerts) / days}


def _curve(
    curve: CostCurve, threshold: float, best: float, days: int
) -> list[dict[str, float]]:
    """Costs at thresholds from 0 to well beyond the chosen and the best one."""
    highest = max(REACH * threshold, REACH * best if np.isfinite(best) else 0.0, LEAST_HIGHEST)
    grid = np.linspace(0.0, min(highest, 1.0), CURVE_POINTS + 1)
    return [{"threshold": float(t), **_a_day(*curve.at(float(t)), days)} for t in grid]
