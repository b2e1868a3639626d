"""Slope and intercept of a calibration, beside a logistic regression of scikit-learn's and statsmodels'."""

import numpy as np
import pytest
import statsmodels.api as sm

from pipelines.shared.metrics.calibration_line import calibration_line

DRAW = np.random.default_rng(5)
N = 3_000
LOGIT = DRAW.normal(-1.5, 1.2, N)
RISK = 1 / (1 + np.exp(-LOGIT))
HAPPENED = DRAW.random(N) < RISK
ONES = np.ones(N)


def fitted(happened, logit, weight):
    family = sm.families.Binomial()
    line = sm.GLM(
        happened.astype(float), sm.add_constant(logit), family=family, freq_weights=weight
    ).fit()
    shift = sm.GLM(
        happened.astype(float),
        np.ones((len(logit), 1)),
        family=family,
        offset=logit,
        freq_weights=weight,
    ).fit()
    return {"calibration_slope": line.params[1], "calibration_intercept": shift.params[0]}


@pytest.mark.parametrize("weight", [ONES, DRAW.uniform(0, 3, N)], ids=["ones", "weighed"])
@pytest.mark.parametrize(("tilt", "shift"), [(1.0, 0.0), (2.0, 0.0), (0.5, 1.0), (1.0, -8.0)])
def test_both_are_those_of_a_logistic_regression(weight, tilt, shift):
    logit = tilt * LOGIT + shift
    found = calibration_line(HAPPENED, 1 / (1 + np.exp(-logit)), weight).metrics()
    assert found == pytest.approx(fitted(HAPPENED, logit, weight), rel=1e-5, abs=1e-6)


def test_true_risks_are_calibrated_extreme_ones_are_not():
    assert calibration_line(HAPPENED, RISK, ONES).metrics() == pytest.approx(
        {"calibration_slope": 1.0, "calibration_intercept": 0.0}, abs=0.15
    )
    extreme = calibration_line(HAPPENED, 1 / (1 + np.exp(-2 * LOGIT)), ONES).metrics()
    assert extreme["calibration_slope"] == pytest.approx(0.5, abs=0.1)


def test_a_resample_is_nearly_the_fit_to_its_rows():
    copies = DRAW.multinomial(N, np.full(N, 1 / N)).astype(float)
    found = calibration_line(HAPPENED, RISK, ONES).metrics(copies)
    again = calibration_line(HAPPENED, RISK, copies).metrics()
    assert found == pytest.approx(again, abs=0.01)


@pytest.mark.parametrize("happened", [np.zeros(N, bool), np.ones(N, bool)])
def test_one_class_has_no_calibration(happened):
    found = calibration_line(happened, RISK, ONES).metrics()
    assert np.isnan([*found.values()]).all()


def test_risks_of_0_and_1_are_taken_as_far_as_single_precision_goes():
    risk = np.where(DRAW.random(N) < 0.5, 0.0, 1.0)
    found = calibration_line(risk == (DRAW.random(N) < 0.9), risk, ONES).metrics()
    assert 0 < found["calibration_slope"] < 1


def test_one_risk_for_all_rows_has_an_intercept_and_no_slope():
    found = calibration_line(HAPPENED, np.full(N, 0.1), ONES).metrics()
    assert np.isnan(found["calibration_slope"])
    share = HAPPENED.mean()
    assert found["calibration_intercept"] == pytest.approx(
        np.log(share / (1 - share)) - np.log(1 / 9)
    )
