"""The probability that a graph serves is the one that a day is scored with."""

from tests.pipelines.stages.train.train_process import results_of


def test_the_graph_and_numpy_give_one_probability_for_drawn_calibrations_and_scores():
    found = results_of("calibration_case", {"calibrations": 15})[-1]
    assert found["apart"]["none"] == 0
    assert found["apart"]["isotonic"] == 0
    assert found["apart"]["platt"] <= 1
    assert 0 < found["held_out"] < 1e-6
