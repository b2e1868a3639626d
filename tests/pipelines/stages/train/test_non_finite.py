"""Numbers that are not finite are found where they come up, whatever kernels hide them from the loss."""

import re

import pytest

from tests.pipelines.stages.train import children

# What is said of each place; the step is counted from 1, the rows of the order of seed 0.
SENDER_LOG = {
    "input": r"The sum of the inputs of step \d is inf .*by feature: c \(1\)\..*Mend those",
    "validation": r"rows of the validation days hold .*by feature: b \(1\)\. Mend those",
    "weights": r"step 1 is nan \(epoch 1, .*Every feature is a number.*Lower training\.learning",
    "overflow": r"step 1 is (nan|inf) \(epoch 1, .*the largest: .*Lower training\.learning",
    "update": r"squared weights after step 1 is (nan|inf) .*clip_norm above 0",
    "table": r"no finite numbers after step 4: table/embeddings \(4 of 200\)\. Last finite",
    "nowhere": r"^no error$",
}


# Both are hidden from the loss by a fused relu; the rest, and plain kernels, with make test-slow.
IN_CI = ("weights", "validation")


def assert_told(places, onednn):
    found = children.told_by("poison_case", places, onednn=onednn)
    assert [each["place"] for each in found] == places
    for each in found:
        assert re.search(SENDER_LOG[each["place"]], each["told"]), each


def test_what_fused_kernels_hide_from_the_loss_is_told():
    assert_told([*IN_CI], "1")


@pytest.mark.slow
@pytest.mark.parametrize("onednn", ["0", "1"], ids=["plain", "fused"])
def test_each_place_is_told_whatever_the_kernels(onednn):
    assert_told([*SENDER_LOG], onednn)
