"""How runs end otherwise than by their last epoch, without what publishes them; see test_failures.py."""

import json
import re

import pytest

from tests.pipelines.made_models import publish_training_set
from tests.pipelines.stages.train import children
from tests.pipelines.stages.train.loop_cases import apart

# Learns by heart, so that an early epoch is the best.
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


def ends(root, **runs):
    """What the tries of each run told, by name."""
    asked = [{"spare_mb": 0, "keep": str(root / name), **run} for name, run in runs.items()]
    given = {"root": str(root), "runs": asked}
    told = children.told_by("ends_case", given)
    found = {}
    for name in runs:
        found[name] = [told.pop(0)]
        while "OutOfMemory" in found[name][-1]["error"] and told:
            found[name].append(told.pop(0))
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("ends")
    publish_training_set(root)
    return root


@pytest.fixture(scope="module")
def told(root):
    """All that runs in CI, in one call: most of the time goes to importing TensorFlow."""
    runs = {"patient": PATIENT, "short": SHORT, "hopeless": HOPELESS, "diverged": DIVERGED}
    asked = {name: {"settings": settings} for name, settings in runs.items()}
    asked["pruned"] = {"settings": (*FAST, "training.epochs=4"), "pruned_at": 2}
    return ends(root, large={"settings": LARGE, "spare_mb": 400}, **asked)


def test_memory_that_runs_out_halves_the_pieces_of_the_next_try(told):
    *failed, last = told["large"]
    assert failed
    for nth, one in enumerate(failed):
        assert one["error"].startswith(
            "OutOfMemoryError: train as_of=2026-03-01: 1 CPU ran out of memory with "
            "training.global_batch_rows=16384"
        )
        assert f"The next try works through {2 ** (nth + 1)} pieces" in one["error"]
    assert last["error"] == ""
    assert last["pieces"] == 2 ** len(failed)


def test_patience_ends_a_run_with_the_weights_of_its_best_epoch(told, root):
    patient = told["patient"][-1]
    assert patient["ended"] == "no better epoch"
    assert patient["epochs"] == patient["best_epoch"] + 3
    assert told["short"][-1]["epochs"] == patient["best_epoch"]
    assert apart(root, "patient", "short") == 0


def test_a_loss_that_stands_still_is_told(told):
    found = told["hopeless"][-1]["logged"]
    assert any("no improvement: the training loss was" in line for line in found)


def test_a_loss_that_is_finite_and_huge_is_no_model(told):
    error = told["diverged"][-1]["error"]
    assert error.startswith("TrainingError: train as_of=2026-03-01: the training diverged: ")
    assert re.search(
        r"the loss by epoch is \S+, \S+; the weights to publish have \S+e\+", error
    )
    assert re.search(r"every row would have 0\.69\d\. Nothing is published\.", error)
    assert "Lower training.learning_rate (now 1e+06)" in error


def test_a_run_that_an_epoch_ends_has_told_that_epoch_as_well(told):
    pruned = told["pruned"][-1]
    judged = json.loads(pruned["error"].removeprefix("TrainingError: "))
    assert judged["loss"] > 0
    assert len(pruned["curve"]) == 2
    last = pruned["curve"][-1]
    assert {name: last[f"validation_{name}"] for name in judged} == judged


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_two_replicas_judge_epochs_as_one_and_keep_the_same_one(root, optimizer):
    patient = (*FAST, "training.epochs=12", "training.patience=3", "training.watch=auc")
    runs = {
        f"on-{n}": {
            "settings": (*patient, f"training.optimizer={optimizer}", f"training.replicas={n}")
        }
        for n in (1, 2)
    }
    one, two = (tries[-1] for tries in ends(root, **runs).values())
    assert one["best_epoch"] == two["best_epoch"] > 0
    assert one["ended"] == two["ended"]
    for ours, theirs in zip(one["validation"], two["validation"], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)
    assert apart(root, "on-1", "on-2") < 1e-4  # rounding, grown over hundreds of steps
