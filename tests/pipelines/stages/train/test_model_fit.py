"""The table of docs/training.md: what ``model.fit`` and its surroundings get wrong.

A line that fails here after an upgrade has been fixed by Keras or TensorFlow: remove it from the
table. That our loop gets the same case right is tested in ``test_loop.py`` and ``test_resume.py``.
"""

import pytest

from tests.pipelines.stages.train import train_process

pytestmark = pytest.mark.slow


def result_of(name):
    return train_process.results_of("fit_case", [name])[-1]


def test_even_batches_are_right_so_that_the_other_cases_mean_something():
    assert result_of("even_batches")["difference"] < 1e-6


@pytest.mark.parametrize("case", ["uneven_batch", "clipping"])
def test_weights_under_two_replicas_differ_from_one_device_silently(case):
    assert result_of(case)["difference"] > 1e-3


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
    assert result_of(case)["error"].startswith(error)


def test_the_first_batch_of_a_generator_is_lost():
    found = result_of("generator")
    assert (found["batches"], found["steps"]) == (4, 3)


def test_adam_squares_each_copy_of_a_repeated_id_by_itself():
    found = result_of("repeated_ids")
    assert found["second_moment"] == pytest.approx(found["right"] / 2)


def test_a_checkpoint_of_model_and_optimiser_forgets_the_dropout_seed():
    found = result_of("dropout_seed")
    assert found["restored"] != found["saved"]


def test_two_hundred_thresholds_miss_the_auc_of_rare_events():
    found = result_of("two_hundred_thresholds")
    assert abs(found["keras"] - found["exact"]) > 0.01
    assert abs(found["ours"] - found["exact"]) <= found["bound"] < 1e-3
