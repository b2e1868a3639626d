"""Errors, logs and published files of trainings that do not end as declared; see also test_run_outcomes.py."""

import json
import re
import signal
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.store import Store
from pipelines.spec import with_settings
from tests.pipelines.made_models import FRAUD, publish_training_set, weights_of, work_on
from tests.pipelines.memory_group import memory_group
from tests.pipelines.stages.train import train_process
from tests.pipelines.stages.train.labels import LABELS


def tries(root, *settings, spare_mb=0, head="binary", onednn=None):
    """The result of each try, until one was not out of memory."""
    asked = {"root": str(root), "settings": settings, "spare_mb": spare_mb, "head": head}
    return train_process.results_of("failure_case", asked, onednn=onednn)


def file_of(root, name, *settings):
    pipeline = with_settings(FRAUD, settings)
    _, work = work_on("train", root, pipeline=pipeline)
    folder = Store(str(root)).open(Store(str(root)).find(work.model_ref("models")))
    return json.loads((folder / name).read_text())


def logged(result):
    return [e["message"] for e in result["said"] if e["event"] == "log"]


def test_the_best_epoch_is_published_and_a_time_limit_ends_a_run_cleanly(tmp_path):
    endless = (
        "training.epochs=100000",
        "training.global_batch_rows=64",
        "training.learning_rate=0.05",  # overfits, so that an early epoch is the best
        "split.validation_days=2",
        "training.time_limit_s=8",
        "model.dropout=0",
    )
    publish_training_set(tmp_path)
    result = tries(tmp_path, *endless)[-1]
    assert not result["error"]
    history = file_of(tmp_path, "history.json", *endless)
    assert history["ended"] == "time limit"
    losses = [each["loss"] for each in history["validation"]]
    # On a machine so busy that no epoch ended, there is no best one.
    assert history["best_epoch"] == (int(np.argmin(losses)) + 1 if losses else 0)
    assert len(history["loss"]) < 100_000
    assert any("ended by time limit" in line for line in logged(result))
    values = [e["values"] for e in result["said"] if e["event"] == "metric"]
    stall = [each["input_stall"] for each in values if "input_stall" in each][-1]
    assert stall == file_of(tmp_path, "timing.json", *endless)["stall"]
    assert 0 <= stall < 1
    # Progress is reported after the first call, which may take all the time on a busy machine.
    if history["steps"] > 1:
        assert_progress_agrees(result, history)


def assert_progress_agrees(result, history):
    """The progress reported during training agrees with the history."""
    *_, values = (e["values"] for e in result["said"] if e["event"] == "progress")
    assert {"epoch", "step", "loss", "input_stall"} <= set(values)
    assert values["epochs"] == 100_000
    losses = [each["loss"] for each in history["validation"]][: values["epoch"] - 1]
    if losses:
        assert values["validation_loss"] == losses[-1]
        assert values["best_loss"] == min(losses) == losses[values["best_epoch"] - 1]
        assert "validation_auc_error" not in values


# CI runs this one with TensorFlow's fused kernels, whose loss of the step is a number.
@pytest.mark.parametrize("onednn", ["1", pytest.param("0", marks=pytest.mark.slow)])
def test_a_non_finite_value_names_step_rows_feature_and_the_last_finite_checkpoint(
    tmp_path, onednn
):
    def spoil(day, x, _y):
        if day == "2026-02-04":
            x[7, 2] = np.nan

    publish_training_set(tmp_path, spoil=spoil)
    settings = ("training.global_batch_rows=64", "training.checkpoint_every_steps=1")
    result = tries(tmp_path, *settings, "training.epochs=1", onednn=onednn)[-1]["error"]
    assert result.startswith("TrainingError: train as_of=2026-03-01: ")
    pattern = r"The sum of the inputs of step (\d+) is nan \(epoch 1, rows' digest "
    step = int(re.search(pattern, result)[1])
    assert f"by feature: {FRAUD.feature_names()[2]} (1)." in result
    named = Path(re.search(r"Last finite checkpoint: (\S+)\. Fix", result)[1])
    assert 0 < int(named.name.split("-")[1]) < step
    assert json.loads((named / "state.json").read_text())["cursor"]["step"] < step


@pytest.mark.slow
def test_the_weights_that_patience_kept_are_published(tmp_path):
    settings = (
        "training.global_batch_rows=64",
        "training.learning_rate=0.05",
        "split.validation_days=2",
    )
    patient = (*settings, "training.epochs=1000", "training.patience=3")
    publish_training_set(tmp_path / "patient")
    assert not tries(tmp_path / "patient", *patient)[-1]["error"]
    history = file_of(tmp_path / "patient", "history.json", *patient)
    assert history["ended"] == "no better epoch"
    assert len(history["loss"]) == history["best_epoch"] + 3
    short = (*settings, f"training.epochs={history['best_epoch']}", "training.keep_best=false")
    publish_training_set(tmp_path / "short")
    assert not tries(tmp_path / "short", *short)[-1]["error"]
    both = (weights_of(tmp_path / name) for name in ("patient", "short"))
    for patient_weights, short_weights in zip(*both, strict=True):
        np.testing.assert_array_equal(patient_weights, short_weights)


@pytest.mark.slow
@pytest.mark.parametrize(("replicas", "lines"), [(1, 0), (2, 1)])
def test_a_step_that_xla_compiles_in_part_is_logged(tmp_path, replicas, lines):
    publish_training_set(tmp_path)
    short = ("training.epochs=1", "training.jit=true", f"training.replicas={replicas}")
    result = tries(tmp_path, *short)[-1]
    assert not result["error"]
    found = [line for line in logged(result) if "on 2 CPUs XLA compiles each replica's" in line]
    assert len(found) == lines


@pytest.mark.slow
@pytest.mark.parametrize("head", sorted({*LABELS} - {"binary"}))
def test_a_loss_that_does_not_fall_is_logged_with_every_other_head_too(tmp_path, head):
    def spoil(_day, _x, y):
        y[:] = np.resize(LABELS[head], len(y))

    publish_training_set(tmp_path, spoil=spoil)
    hopeless = (
        "training.epochs=4",
        "training.learning_rate=1e-9",
        "model.dropout=0",
    )
    result = tries(tmp_path, *hopeless, head=head)[-1]
    found = [line for line in logged(result) if "no improvement: the training loss was" in line]
    assert len(found) == 1, result["error"]
    assert re.search(r"was (\S+) after one epoch and is \1 after 3\. Check", found[0])


@pytest.mark.slow
def test_out_of_memory_halves_the_micro_batches_until_a_try_passes_with_the_same_batch(
    tmp_path,
):
    settings = (
        "training.epochs=1",
        "training.global_batch_rows=16384",
        "model.hidden=[4000]",
        "model.dropout=0",
    )
    for name in ("small", "large"):
        publish_training_set(tmp_path / name, rows=5000)
    result = tries(
        tmp_path / "small", *settings, spare_mb=450
    )  # a step takes 590 in one micro-batch
    assert len(result) >= 2
    for nth, one in enumerate(result[:-1]):
        assert one["error"].startswith(
            "OutOfMemoryError: train as_of=2026-03-01: 1 CPU ran out of"
        )
        assert f"The next try uses {2 ** (nth + 1)} micro-batches" in one["error"]
    assert not result[-1]["error"]
    assert file_of(tmp_path / "small", "timing.json")["micro_batches"] == 2 ** (len(result) - 1)
    assert len(tries(tmp_path / "large", *settings)) == 1
    both = (weights_of(tmp_path / name) for name in ("small", "large"))
    for small, large in zip(*both, strict=True):
        np.testing.assert_allclose(small, large, atol=1e-5)


@pytest.mark.slow
def test_a_kill_by_the_kernel_for_memory_halves_the_micro_batches_and_another_kill_does_not(
    tmp_path,
):
    settings = (
        "training.epochs=2",
        "training.global_batch_rows=32768",
        "model.hidden=[6000]",
        "model.dropout=0",
    )
    publish_training_set(tmp_path, rows=5000)
    log, codes = tmp_path / "log", []
    train_process.interrupt(tmp_path, 1, signal.SIGKILL, *settings, log=log)
    # 480 MiB are TensorFlow's own, and 900 a step's in one micro-batch.
    with memory_group(1100 << 20) as members:
        while len(codes) < 5 and 0 not in codes:
            child = train_process.start(tmp_path, *settings, log=log)
            members.write_text(str(child.pid))
            codes.append(train_process.finish(child)[0])
    assert codes[:-1] == [-signal.SIGKILL] * (len(codes) - 1), log.read_text()
    assert len(codes) >= 2
    assert codes[-1] == 0, log.read_text()
    result = [line for line in log.read_text().splitlines() if "ended without an error" in line]
    assert len(result) == len(codes) - 1
    assert "1 out-of-memory kill meanwhile: now using 2 micro-batches" in result[0]
    assert file_of(tmp_path, "timing.json", *settings)["micro_batches"] == 2 ** len(result)
