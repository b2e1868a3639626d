"""Product-limit estimates against scikit-survival, and by hand where it is not installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.shared.metrics.survival_curves import censoring_curve, free_of, incidence

AT = np.arange(0.0, 12.5, 0.5)
# On half days, so that several rows end at once.
ROWS = st.lists(
    st.tuples(st.integers(1, 20).map(lambda half: half / 2), st.integers(0, 2)),
    min_size=1,
    max_size=40,
)


def test_seven_rows_by_hand():
    days = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0])
    cause = np.array([1, 0, 1, 2, 0, 1, 0], np.int8)
    free = free_of(days, cause == 1)
    np.testing.assert_allclose(free.at(np.array([1, 2, 4])), [6 / 7, 5 / 7, 5 / 7 * 2 / 3])
    # At day 2 one row had the event, which comes first: of five rows one is censored.
    followed = censoring_curve(days, cause == 0)
    np.testing.assert_allclose(followed.at(np.array([1, 2, 3])), [1, 4 / 5, 4 / 5])
    assert followed.before(np.array([2.0]))[0] == 1.0
    own = 1 - incidence(days, cause, 1).at(np.array([4.0]))[0]
    assert own == pytest.approx(1 / 7 + 6 / 7 * 1 / 6 + 5 / 7 * 3 / 4 * 1 / 3)


@given(rows=ROWS)
@settings(max_examples=60, deadline=None)
def test_they_are_those_of_scikit_survival(rows):
    nonparametric = pytest.importorskip("sksurv.nonparametric")
    rows = [*rows, (10.0, 1), (10.0, 2)]  # scikit-survival wants an event of each cause
    days, cause = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], np.int8)
    times, survival = nonparametric.kaplan_meier_estimator(cause > 0, days)
    _same(free_of(days, cause > 0), times, survival)
    times, followed = nonparametric.kaplan_meier_estimator(cause > 0, days, reverse=True)
    _same(censoring_curve(days, cause == 0), times, followed)
    try:
        times, cumulative = nonparametric.cumulative_incidence_competing_risks(cause, days)
    except ValueError:
        return  # of some rows scikit-survival itself concatenates nothing
    for of in range(1, len(cumulative)):
        _same(incidence(days, cause, of), times, 1 - cumulative[of])


def _same(found, times, values):
    index = np.searchsorted(times, AT, side="right")
    np.testing.assert_allclose(found.at(AT), np.concatenate([[1.0], values])[index], atol=1e-9)


@given(rows=ROWS, seed=st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_without_a_competing_event_both_incidences_are_one(rows, seed):
    days = np.array([r[0] for r in rows])
    cause = np.array([min(r[1], 1) for r in rows], np.int8)
    np.testing.assert_allclose(
        incidence(days, cause, 1).at(AT), free_of(days, cause == 1).at(AT), atol=1e-12
    )
