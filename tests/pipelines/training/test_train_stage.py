"""What ``train`` depends on and refuses, before TensorFlow is imported."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.errors import InputMissingError, TrainingError
from pipelines.training.stage import plan
from tests.pipelines.made_models import FRAUD, done, publish_training_set, seeded, work_on

ROOT = Path(__file__).resolve().parents[3]


def changed(**training):
    return dataclasses.replace(FRAUD, training=dataclasses.replace(FRAUD.training, **training))


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_refused_with_its_counts(tmp_path, label):
    def spoil(_day, _x, y):
        y[:] = label

    publish_training_set(tmp_path, rows=50, spoil=spoil)
    with pytest.raises(
        TrainingError, match=rf"{350 * label} of 350 training rows have label 1"
    ):
        done("train", tmp_path)


def test_without_a_training_set_the_error_says_what_to_run(tmp_path):
    with pytest.raises(
        InputMissingError, match=r"training_set.* is not published. Run preprocess"
    ):
        done("train", tmp_path)


def test_the_digest_follows_what_changes_the_weights_and_nothing_else(tmp_path):
    publish_training_set(tmp_path, rows=50)

    def digest(pipeline):
        return plan(work_on("train", tmp_path, pipeline=pipeline)[1]).digest()

    assert digest(changed(checkpoint_every_s=99.0)) == digest(FRAUD)
    assert digest(dataclasses.replace(FRAUD, title="other")) == digest(FRAUD)
    assert digest(seeded(5)) != digest(FRAUD)
    assert digest(changed(epochs=3)) != digest(FRAUD)
    assert digest(changed(replicas=2)) != digest(FRAUD)
    before = digest(FRAUD)
    publish_training_set(tmp_path, rows=60)
    assert digest(FRAUD) != before


def test_planning_imports_nothing_heavy():
    probe = (
        "import sys, pipelines.training.stage, pipelines.evaluation.stage,"
        "pipelines.promotion.stage, pipelines.registry;"
        "print(sorted({m.split('.')[0] for m in sys.modules}"
        "& {'tensorflow', 'keras', 'mlflow', 'pandas', 'pyarrow', 'numpy', 'jinja2'}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.slow
def test_too_little_memory_is_an_error_that_a_retry_may_pass(tmp_path):
    publish_training_set(tmp_path, rows=50)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.training.memory_case", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    told = ran.stdout.splitlines()[-1]
    assert told.startswith("OutOfMemoryError: train as_of=2026-03-01: 1 CPU ran out of memory")
    assert "training.global_batch_rows=256 (OOM when allocating" in told
