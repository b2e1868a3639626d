"""The Cox baseline beside scikit-survival's."""

import numpy as np
import pytest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from pipelines.spec import CoxBaseline, Survival
from pipelines.stages.evaluate.baselines.base_rate import base_rate_predictions
from pipelines.stages.evaluate.baselines.cox import fit_cox
from pipelines.stages.evaluate.baselines.cox_baseline import cox_predictions
from pipelines.stages.evaluate.baselines.cox_inputs import fit_inputs

N = 400
HEAD = Survival((2.0, 4.0, 8.0))
DRAW = np.random.default_rng(11)
X = DRAW.normal(size=(N, 3))
LATENT = DRAW.exponential(6.0, N) * np.exp(-X @ [0.8, -0.4, 0.0])
SEEN = DRAW.uniform(0.5, 12.0, N)
DAYS = np.ceil(np.minimum(LATENT, SEEN))  # whole days, so that many are tied
EVENT = LATENT <= SEEN
LABELS = np.where(EVENT, DAYS, -DAYS)
COLUMNS = {f"x{n}": X[:, n] for n in range(3)}


@pytest.mark.parametrize("ridge", [0.0, 25.0])
def test_coefficients_and_survival_are_those_of_scikit_survival(ridge):
    theirs = CoxPHSurvivalAnalysis(alpha=ridge, ties="breslow", tol=1e-12)
    theirs.fit(X, Surv.from_arrays(EVENT, DAYS))
    model = fit_cox(X, DAYS, EVENT, ridge)
    assert model.coefficients == pytest.approx(theirs.coef_, abs=1e-5)
    scale = X.std(axis=0)
    again = CoxPHSurvivalAnalysis(alpha=ridge, ties="breslow", tol=1e-12)
    again.fit((X - X.mean(axis=0)) / scale, Surv.from_arrays(EVENT, DAYS))
    declared = CoxBaseline(inputs=tuple(COLUMNS), ridge=ridge)
    found, facts = cox_predictions(HEAD, declared, COLUMNS, COLUMNS, LABELS)
    curves = again.predict_survival_function((X - X.mean(axis=0)) / scale)
    expected = [[curve(cut) for cut in HEAD.cuts_days] for curve in curves]
    assert found["survival"] == pytest.approx(np.array(expected), abs=1e-4)
    assert facts["events"] == EVENT.sum()


def test_many_times_are_grouped_without_moving_the_risks(monkeypatch):
    labels = np.where(EVENT, 1.0, -1.0) * np.minimum(LATENT, SEEN)
    declared = CoxBaseline(inputs=tuple(COLUMNS))
    every, _ = cox_predictions(HEAD, declared, COLUMNS, COLUMNS, labels)
    monkeypatch.setattr("pipelines.stages.evaluate.baselines.cox_baseline.TIMES", 20)
    some, _ = cox_predictions(HEAD, declared, COLUMNS, COLUMNS, labels)
    assert some["survival"] == pytest.approx(every["survival"], abs=1e-5)


def test_a_competing_event_makes_the_risk_smaller_than_censoring_would():
    ends = EVENT & (DRAW.random(N) < 0.5)
    competing = np.column_stack([np.where(ends, -DAYS, LABELS), ends])
    declared = CoxBaseline(inputs=tuple(COLUMNS))
    found, facts = cox_predictions(HEAD, declared, COLUMNS, COLUMNS, competing)
    naive, _ = cox_predictions(HEAD, declared, COLUMNS, COLUMNS, competing[:, 0])
    assert facts["competing"] == ends.sum()
    assert (found["survival"] >= naive["survival"] - 1e-6).all()
    rate = base_rate_predictions(HEAD, competing, N)["survival"][0]
    # Cause-specific models of all rows give their incidence back, nearly.
    assert found["survival"].mean(axis=0) == pytest.approx(rate, abs=0.03)


def test_missing_numbers_are_means_with_a_flag_and_words_are_flags():
    raw = {
        "age": np.array([1.0, np.nan, 3.0, 2.0]),
        "ward": np.array(["b", "a", "b", ""], dtype=object),
        "same": np.array([7, 7, 7, 7]),
    }
    inputs = fit_inputs(raw)
    assert inputs.means["age"] == 2.0
    assert inputs.words["ward"] == ("", "a")
    x = inputs.matrix(raw)
    assert x.shape == (
        4,
        4,
    )  # age, whether it is missing, two words; what is constant is left out
    assert x[1, 0] == pytest.approx(0.0)
    unseen = {
        "age": np.array([2.0]),
        "ward": np.array(["new"], dtype=object),
        "same": np.array([7]),
    }
    assert np.isfinite(inputs.matrix(unseen)).all()


def test_rows_above_the_largest_number_are_left_out_always_the_same():
    few = CoxBaseline(inputs=tuple(COLUMNS), max_rows=150)
    found = [cox_predictions(HEAD, few, COLUMNS, COLUMNS, LABELS) for _ in range(2)]
    assert found[0][1]["rows"] == 150
    np.testing.assert_array_equal(found[0][0]["survival"], found[1][0]["survival"])
    assert (np.sign(found[0][0]["score"] - 0.5) != 0).any()


def test_an_input_that_separates_the_events_has_finite_coefficients_by_the_ridge():
    x = EVENT[:, None].astype(float)
    model = fit_cox(x, DAYS, EVENT, 1.0)
    assert np.isfinite(model.coefficients).all()
