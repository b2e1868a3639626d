"""Metrics expected without labels, beside labels that were drawn by the probabilities."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from pipelines.shared.metrics.confidence import expected_metrics
from pipelines.spec import Costs

COSTS = Costs(missed=100.0, false_alert=5.0, investigator_day=400.0, alerts_per_investigator=40)
NAMES = ("auc", "average_precision", "brier", "events", "precision", "recall", "cost")


def measured(score, probability, decision, y):
    """The same metrics of known labels, by scikit-learn and by counting."""
    caught, alerts, events = (decision & y).sum(), decision.sum(), y.sum()
    cost = (events - caught) * 100.0 + (alerts - caught) * 5.0 + alerts * 10.0
    return {
        "auc": roc_auc_score(y, score),
        "average_precision": average_precision_score(y, score),
        "brier": brier_score_loss(y, probability),
        "events": events,
        "precision": caught / alerts,
        "recall": caught / events,
        "cost": cost,
    }


def drawn(rows, seed, chance=None):
    generator = np.random.default_rng(seed)
    probability = generator.beta(0.6, 6.0, rows)
    chance = probability if chance is None else chance(probability)
    return generator, probability, chance


def simulated(rows, times, chance=None, decimals=8):
    generator, probability, true = drawn(rows, 3, chance)
    score, decision = np.round(probability, decimals), probability >= 0.3
    expected = expected_metrics(score, probability, decision, COSTS)
    draws = [
        measured(score, probability, decision, generator.random(rows) < true)
        for _ in range(times)
    ]
    return expected, {n: np.array([draw[n] for draw in draws]) for n in NAMES}


@pytest.mark.parametrize("decimals", [8, 2], ids=["distinct scores", "tied scores"])
def test_expected_metrics_are_the_mean_of_what_calibrated_probabilities_bring(decimals):
    expected, draws = simulated(600, 120, decimals=decimals)
    for name, values in draws.items():
        error = values.std() / np.sqrt(len(values))
        # Ratios are the ratio of expectations, off by an amount of the order of 1 / events.
        ratio = 0.01 if name in {"average_precision", "precision", "recall", "auc"} else 0.0
        assert abs(expected[name] - values.mean()) < 4 * error + ratio, name


def test_the_estimate_comes_near_the_truth_as_rows_become_many():
    off = {}
    for rows in (300, 30_000):
        expected, draws = simulated(rows, 20)
        off[rows] = {n: np.mean(np.abs(v - expected[n]) / v) for n, v in draws.items()}
    assert all(off[30_000][n] < 0.5 * off[300][n] for n in NAMES)
    assert max(off[30_000].values()) < 0.04


def test_probabilities_that_are_too_low_promise_too_few_events_and_too_good_a_score():
    expected, draws = simulated(5_000, 20, chance=np.sqrt)
    assert expected["events"] < 0.6 * draws["events"].min()
    assert expected["brier"] < draws["brier"].min()
    assert expected["cost"] < draws["cost"].min()


def test_a_metric_that_is_not_defined_is_left_out():
    nothing = np.zeros(4)
    assert set(expected_metrics(nothing, nothing, nothing > 1)).isdisjoint(
        {"auc", "average_precision", "precision", "recall"}
    )
    assert expected_metrics(np.zeros(0), np.zeros(0), None) == {}
    assert "alerts" not in expected_metrics(nothing, nothing, None)


def test_certain_probabilities_are_what_they_say():
    y = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
    score = np.array([0.9, 0.8, 0.7, 0.2, 0.1])
    expected = expected_metrics(score, y, score > 0.5)
    assert expected["auc"] == pytest.approx(roc_auc_score(y, score))
    assert expected["average_precision"] == pytest.approx(average_precision_score(y, score))
    assert (expected["caught"], expected["false_alerts"], expected["brier"]) == (2.0, 1.0, 0.0)
