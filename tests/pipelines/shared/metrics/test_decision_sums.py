"""What decisions came to, from sums, beside counting and the cost of each row by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shared.metrics.costs import costs_of_rows
from pipelines.shared.metrics.decisions import derived, row_sums
from pipelines.spec import Costs

ROWS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.floats(0, 1)), min_size=1, max_size=30
)


@given(
    rows=ROWS,
    missed=st.floats(1, 500),
    false_alert=st.floats(0, 50),
    day=st.floats(0, 900),
)
def test_sums_are_those_of_the_rows(rows, missed, false_alert, day):
    event, alert, probability = (np.array(each) for each in zip(*rows, strict=True))
    costs = Costs(missed=missed, false_alert=false_alert, investigator_day=day)
    sums = {n: float(each.sum()) for n, each in row_sums(event, probability, alert)}
    found = derived(sums, costs)
    pairs = [(bool(e), bool(a)) for e, a, _ in rows]
    counts = (
        ("caught", (True, True)),
        ("missed", (True, False)),
        ("false_alerts", (False, True)),
    )
    for name, pair in counts:
        assert found[name] == pairs.count(pair), name
    assert found["cost"] == pytest.approx(costs_of_rows(costs, event, alert).sum())
    assert found["brier"] == pytest.approx(np.mean((probability - event) ** 2))


def test_without_decisions_or_costs_nothing_is_said_of_them():
    event, probability = np.array([True, False]), np.array([0.5, 0.5])
    sums = {n: float(each.sum()) for n, each in row_sums(event, probability, None)}
    assert derived(sums, None) == {"rows": 2.0, "events": 1.0, "brier": 0.25}
