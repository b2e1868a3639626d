"""The threshold of a decision: by costs, as declared, or by the alerts of a day."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.spec import Costs, Evaluation
from pipelines.stages.train.held_out_rows import HeldOutRows
from pipelines.stages.train.thresholds import alerts_threshold, threshold_of

COSTS = Costs(
    missed=200.0, false_alert=10.0, investigator_day=400.0, alerts_per_investigator=20
)


def rows_of(score, entity, day):
    count = len(score)
    return HeldOutRows(
        np.array(score, np.float32), np.zeros(count, bool), np.ones(count), entity, day
    )


def test_the_threshold_of_costs_is_where_an_alert_costs_as_much_as_none():
    p = COSTS.threshold()
    assert p * COSTS.missed == pytest.approx(COSTS.work() + (1 - p) * COSTS.false_alert)
    assert threshold_of(Evaluation(costs=COSTS), None, None) == (p, "costs")


def test_without_costs_it_is_the_declared_one_and_without_both_that_of_the_alerts():
    rows = rows_of([0.2, 0.9, 0.4], np.arange(3), np.zeros(3, int))
    assert threshold_of(Evaluation(threshold=0.3), rows, rows.score) == (0.3, "declared")
    found = threshold_of(Evaluation(alerts_per_day=2), rows, rows.score)
    assert found == (pytest.approx(0.4), "alerts")
    assert threshold_of(Evaluation(), None, None) == (None, "none")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(0, 3)),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 10),
)
def test_no_other_probability_alerts_a_number_of_entities_nearer_to_the_declared(rows, k):
    score, entity, day = (np.array(each) for each in zip(*rows, strict=True))
    made = rows_of(score / 12, entity, day)
    found = alerts_threshold(made, made.score, k)
    days = len(set(day.tolist()))

    def alerts(threshold):
        here = made.score >= threshold
        return len({*zip(entity[here].tolist(), day[here].tolist(), strict=True)})

    best = min(abs(alerts(t) - k * days) for t in np.unique(made.score))
    assert abs(alerts(found) - k * days) == best
