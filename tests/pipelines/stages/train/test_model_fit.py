"""The table of docs/training.md: what ``model.fit`` and its surroundings get wrong.

A line that fails here after an upgrade has been mended by Keras or TensorFlow: take it out of the
table. That our loop gets the same case right is tested in ``test_loop.py`` and ``test_resume.py``.
"""

import pytest

from tests.pipelines.stages.train import children

pytestmark = pytest.mark.slow


def told(name):
    return children.told_by("fit_case", [name])[-1]


def test_even_batches_are_right_so_that_the_other_cases_mean_something():
    assert told("even_batches")["difference"] < 1e-6


@pytest.mark.parametrize("case", ["uneven_batch", "clipping"])
def test_weights_under_two_replicas_differ_from_one_device_silently(case):
    assert told(case)["difference"] > 1e-3


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("accumulation", "RuntimeError: "),
        ("several_steps_a_call", "InvalidArgumentError: "),
        ("compiled_by_xla", "InvalidArgumentError: "),
    ],
)
def test_what_our_loop_offers_under_replicas_is_refused_with_an_error_of_something_else(
    case, error
):
    assert told(case)["error"].startswith(error)


def test_the_first_batch_of_a_generator_is_lost():
    found = told("generator")
    assert (found["batches"], found["steps"]) == (4, 3)


def test_adam_squares_each_copy_of_a_repeated_id_by_itself():
    found = told("repeated_ids")
    assert found["second_moment"] == pytest.approx(found["right"] / 2)


def test_a_checkpoint_of_model_and_optimiser_forgets_the_dropout_seed():
    found = told("dropout_seed")
    assert found["restored"] != found["saved"]


def test_two_hundred_thresholds_miss_the_auc_of_rare_events():
    found = told("two_hundred_thresholds")
    assert abs(found["keras"] - found["exact"]) > 0.01
    assert abs(found["ours"] - found["exact"]) <= found["bound"] < 1e-3
