"""Non-finite values are found where they occur, even if kernels hide them from the loss."""

import re

import pytest

from tests.pipelines.stages.train import train_process

# The error of each origin; steps are counted from 1, rows are in the order of seed 0.
ERRORS = {
    "input": r"The sum of the inputs of step \d is inf .*by feature: c \(1\)\..*Fix those",
    "validation": r"rows of the validation days have .*by feature: b \(1\)\. Fix those",
    "weights": r"step 1 is nan \(epoch 1, .*Every feature is finite.*Lower training\.learning",
    "overflow": r"step 1 is (nan|inf) \(epoch 1, .*the largest: .*Lower training\.learning",
    "update": r"squared weights after step 1 is (nan|inf) .*clip_norm above 0",
    "table": r"non-finite after step 4: table/embeddings \(4 of 200\)\. Last finite",
    "nowhere": r"^no error$",
}


# Both are hidden from the loss by a fused relu; the rest, and plain kernels, with make test-slow.
IN_CI = ("weights", "validation")


def assert_errors(origins, onednn):
    found = train_process.results_of("non_finite_case", origins, onednn=onednn)
    assert [each["origin"] for each in found] == origins
    for each in found:
        assert re.search(ERRORS[each["origin"]], each["error"]), each


def test_what_fused_kernels_hide_from_the_loss_is_an_error():
    assert_errors([*IN_CI], "1")


@pytest.mark.slow
@pytest.mark.parametrize("onednn", ["0", "1"], ids=["plain", "fused"])
def test_each_origin_is_found_with_any_kernels(onednn):
    assert_errors([*ERRORS], onednn)
