"""Errors of probabilities against scikit-learn and against loops."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from pipelines.shared.metrics.probabilities import (
    BINS,
    MeasuredProbabilities,
    equal_bins,
    reliability,
)

DRAW = np.random.Generator(np.random.Philox(key=[5, 0]))
P = DRAW.beta(0.5, 4, 3000).astype(np.float32)
HAPPENED = DRAW.random(3000) < P**1.3


@pytest.mark.parametrize("weight", [np.ones(3000), DRAW.uniform(0, 3, 3000)])
def test_errors_are_those_of_scikit_learn_and_of_the_bins(weight):
    found = MeasuredProbabilities.of(HAPPENED, P).metrics(weight)
    p = np.clip(P.astype(float), 1e-7, 1 - 1e-7)
    assert found["brier"] == pytest.approx(brier_score_loss(HAPPENED, P, sample_weight=weight))
    assert found["log_loss"] == pytest.approx(log_loss(HAPPENED, p, sample_weight=weight))
    table = reliability(HAPPENED, P, weight)
    bins = equal_bins(P)
    assert len(table) == BINS
    off = [
        weight[bins == n].sum() * abs(row["mean"] - row["share"]) for n, row in enumerate(table)
    ]
    assert found["calibration_error"] == pytest.approx(sum(off) / weight.sum())
    assert sum(row["rows"] for row in table) == 3000


def test_copies_of_rows_are_weights():
    copies = DRAW.integers(0, 3, 3000)
    weighed = MeasuredProbabilities.of(HAPPENED, P).metrics(copies.astype(float))
    repeated = MeasuredProbabilities.of(np.repeat(HAPPENED, copies), np.repeat(P, copies))
    alone = repeated.metrics(np.ones(int(copies.sum())))
    for name in ("brier", "log_loss"):
        assert weighed[name] == pytest.approx(alone[name])


def test_a_sure_score_that_is_wrong_is_finite_and_equal_scores_are_one_bin():
    sure = MeasuredProbabilities.of(np.array([True]), np.zeros(1, np.float32))
    assert 16 < sure.metrics(np.ones(1))["log_loss"] < 17
    alike = np.full(100, 0.25, np.float32)
    assert len(reliability(np.arange(100) < 30, alike, np.ones(100))) == 1
    error = MeasuredProbabilities.of(np.arange(100) < 30, alike).metrics(np.ones(100))
    assert error["calibration_error"] == pytest.approx(0.05)


def test_no_rows_have_no_errors():
    found = MeasuredProbabilities.of(np.zeros(0, bool), np.zeros(0, np.float32))
    assert all(np.isnan(value) for value in found.metrics(np.zeros(0)).values())
