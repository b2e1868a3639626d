"""From a score to a probability and a decision, as a model's folder says."""

import json

import numpy as np
import pytest

from pipelines.core.errors import ArtifactError
from pipelines.shared.scoring.decision import (
    Calibration,
    Decision,
    read_decision,
    write_decision,
)

SCORES = np.linspace(0.0, 1.0, 1001).astype(np.float32)
KINDS = (
    Calibration(),
    Calibration("platt", slope=0.5, intercept=-0.7),
    Calibration("isotonic", x=(0.1, 0.2, 0.7, 0.9), y=(0.001, 0.3, 0.3, 0.8)),
)


@pytest.mark.parametrize("calibration", KINDS, ids=lambda each: each.kind)
def test_what_is_written_is_read_and_rises_with_the_score(calibration, tmp_path):
    decision = Decision(calibration, 0.31, "declared", "as asked")
    write_decision(tmp_path, decision)
    read = read_decision(tmp_path)
    assert read == decision
    found = read.probability(SCORES)
    assert found.dtype == np.float32
    assert (np.diff(found) >= 0).all()
    assert 0 <= found.min() <= found.max() <= 1


def test_a_model_without_the_file_has_its_score_and_decides_nothing(tmp_path):
    decision = read_decision(tmp_path)
    assert (decision.probability(SCORES) == SCORES).all()
    assert not decision.decides(SCORES).any()


def test_platt_is_a_logistic_line_and_isotonic_is_interpolated():
    score = np.array([0.2, 0.5, 0.8], np.float32)
    odds = (score / (1 - score)) ** 0.5 * np.exp(-0.7)
    assert KINDS[1].probability(score) == pytest.approx(odds / (1 + odds), rel=1e-6)
    expected = np.interp(SCORES.astype(float), KINDS[2].x, KINDS[2].y)
    assert KINDS[2].probability(SCORES) == pytest.approx(expected, abs=1e-7)


def test_a_probability_at_the_threshold_is_an_alert():
    probability = np.array([0.1, 0.31, 0.5], np.float32)
    at = Decision(threshold=float(np.float32(0.31)))
    assert at.decides(probability).tolist() == [False, True, True]


@pytest.mark.parametrize(
    "calibration",
    [
        {"kind": "beta"},
        {"kind": "isotonic", "x": [0.5], "y": [0.5]},
        {"kind": "isotonic", "x": [0.5, 0.1], "y": [0.1, 0.5]},
        {"kind": "isotonic", "x": [0.1, 0.5], "y": [0.5, 0.1]},
        {},
    ],
)
def test_a_file_that_training_did_not_write_says_what_to_do(calibration, tmp_path):
    written = {"calibration": calibration, "threshold": None, "threshold_from": "none"}
    (tmp_path / "decision.json").write_text(json.dumps(written))
    with pytest.raises(ArtifactError, match="Train the model again"):
        read_decision(tmp_path)
