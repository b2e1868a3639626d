"""Costs of decisions against a loop over rows and thresholds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.shared.metrics.costs import cost_curve, costs_of_rows
from pipelines.spec import Costs

ROWS = st.lists(
    st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 3)), min_size=1, max_size=40
)
COSTS = st.builds(
    Costs,
    missed=st.floats(1, 1e4),
    false_alert=st.floats(0, 100),
    investigator_day=st.floats(0, 1000),
    alerts_per_investigator=st.integers(1, 100),
)


def by_hand(costs, p, happened, weight, threshold):
    """Cost and alerts of a threshold, row by row."""
    cost = alerts = 0.0
    for each, event, copies in zip(p, happened, weight, strict=True):
        if float(each) >= threshold:  # not as float32, which would round the threshold
            alerts += copies
            cost += copies * costs.investigator_day / costs.alerts_per_investigator
            cost += 0.0 if event else copies * costs.false_alert
        elif event:
            cost += copies * costs.missed
    return pytest.approx(cost, abs=1e-6), pytest.approx(alerts)


@settings(max_examples=60, deadline=None)
@given(ROWS, COSTS, st.floats(0, 1))
def test_the_curve_has_the_cost_and_the_alerts_of_each_threshold(rows, costs, threshold):
    p, happened, weight = (np.array(each) for each in zip(*rows, strict=True))
    p = (p / 8).astype(np.float32)
    curve = cost_curve(costs, happened, p, weight.astype(float))
    for at in (threshold, *p.tolist(), 2.0):
        assert curve.at(at) == by_hand(costs, p, happened, weight, at)
    best, lowest, alerts = curve.best()
    assert (lowest, alerts) == by_hand(costs, p, happened, weight, best)
    every = [curve.at(at)[0] for at in (*p.tolist(), 2.0)]
    assert lowest == pytest.approx(min(every), abs=1e-6)


def test_of_true_probabilities_no_threshold_costs_less_than_that_of_the_costs():
    costs = Costs(missed=90.0, false_alert=5.0, investigator_day=100.0)
    p = np.linspace(0.001, 0.999, 999)

    def expected(threshold):
        alert = p >= threshold
        both = (costs_of_rows(costs, np.full(len(p), h), alert) for h in (True, False))
        event, none = both
        return float((p * event + (1 - p) * none).sum())

    best = min(map(expected, np.linspace(0, 1, 500)))
    assert expected(costs.threshold()) <= best + 1e-9
