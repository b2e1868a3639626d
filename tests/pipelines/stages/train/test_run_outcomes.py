"""Runs that end before their last epoch, without publication; see test_failures.py."""

import json
import re

import pytest

from tests.pipelines.made_models import publish_training_set
from tests.pipelines.stages.train import train_process
from tests.pipelines.stages.train.loop_cases import apart

# Overfits, so that an early epoch is the best.
FAST = (
    "training.global_batch_rows=64",
    "split.validation_days=2",
    "model.dropout=0",
    "training.learning_rate=0.05",
)
# Activations of 16,384 rows: 260 MB each, whatever rows there are.
LARGE = ("training.epochs=1", "training.global_batch_rows=16384", "model.hidden=[4000]")
PATIENT = (*FAST, "training.epochs=1000", "training.patience=3")
SHORT = (*FAST, "training.epochs={best}", "training.keep_best=false")
# Its loss falls from step to step, and no more epochs would mend it.
DIVERGED = (
    *FAST[:3],
    "training.epochs=2",
    "training.learning_rate=1e6",
    "training.clip_norm=0",
)
HOPELESS = ("training.epochs=3", "training.learning_rate=1e-9", "model.dropout=0")


def outcomes(root, **runs):
    """The results of the tries of each run, by name."""
    asked = [{"spare_mb": 0, "keep": str(root / name), **run} for name, run in runs.items()]
    given = {"root": str(root), "runs": asked}
    lines = train_process.results_of("run_outcomes_case", given)
    found = {}
    for name in runs:
        found[name] = [lines.pop(0)]
        while "OutOfMemory" in found[name][-1]["error"] and lines:
            found[name].append(lines.pop(0))
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("outcomes")
    publish_training_set(root)
    return root


@pytest.fixture(scope="module")
def results(root):
    """All that runs in CI, in one call: most of the time goes to importing TensorFlow."""
    runs = {"patient": PATIENT, "short": SHORT, "hopeless": HOPELESS, "diverged": DIVERGED}
    asked = {name: {"settings": settings} for name, settings in runs.items()}
    asked["pruned"] = {"settings": (*FAST, "training.epochs=4"), "pruned_at": 2}
    return outcomes(root, large={"settings": LARGE, "spare_mb": 400}, **asked)


def test_out_of_memory_halves_the_micro_batches_of_the_next_try(results):
    *failed, last = results["large"]
    assert failed
    for nth, one in enumerate(failed):
        assert one["error"].startswith(
            "OutOfMemoryError: train as_of=2026-03-01: 1 CPU ran out of memory with "
            "training.global_batch_rows=16384"
        )
        assert f"The next try uses {2 ** (nth + 1)} micro-batches" in one["error"]
    assert last["error"] == ""
    assert last["micro_batches"] == 2 ** len(failed)


def test_patience_ends_a_run_with_the_weights_of_its_best_epoch(results, root):
    patient = results["patient"][-1]
    assert patient["ended"] == "no better epoch"
    assert patient["epochs"] == patient["best_epoch"] + 3
    assert results["short"][-1]["epochs"] == patient["best_epoch"]
    assert apart(root, "patient", "short") == 0


def test_a_loss_that_does_not_fall_is_logged(results):
    found = results["hopeless"][-1]["logged"]
    assert any("no improvement: the training loss was" in line for line in found)


def test_a_loss_that_is_finite_and_huge_is_no_model(results):
    error = results["diverged"][-1]["error"]
    assert error.startswith("TrainingError: train as_of=2026-03-01: the training diverged: ")
    assert re.search(
        r"the loss by epoch is \S+, \S+; the weights to publish have \S+e\+", error
    )
    assert re.search(r"every row would have 0\.69\d\. Nothing is published\.", error)
    assert "Lower training.learning_rate (now 1e+06)" in error


def test_a_run_that_ends_in_an_epoch_callback_has_reported_that_epoch(results):
    pruned = results["pruned"][-1]
    metrics = json.loads(pruned["error"].removeprefix("TrainingError: "))
    assert metrics["loss"] > 0
    assert len(pruned["curve"]) == 2
    last = pruned["curve"][-1]
    assert {name: last[f"validation_{name}"] for name in metrics} == metrics


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_two_replicas_evaluate_epochs_as_one_and_keep_the_same_one(root, optimizer):
    patient = (*FAST, "training.epochs=12", "training.patience=3", "training.watch=auc")
    runs = {
        f"on-{n}": {
            "settings": (*patient, f"training.optimizer={optimizer}", f"training.replicas={n}")
        }
        for n in (1, 2)
    }
    one, two = (tries[-1] for tries in outcomes(root, **runs).values())
    assert one["best_epoch"] == two["best_epoch"] > 0
    assert one["ended"] == two["ended"]
    for ours, theirs in zip(one["validation"], two["validation"], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)
    assert apart(root, "on-1", "on-2") < 1e-4  # rounding, grown over hundreds of steps
