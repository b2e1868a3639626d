"""The dependencies and the checks of ``train``, before TensorFlow is imported."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import InputMissingError, LeakageError, TrainingError
from pipelines.spec import model_days
from pipelines.stages.train.preflight import check_rows
from pipelines.stages.train.shards import open_shards
from pipelines.stages.train.stage import plan
from tests.pipelines.made_models import (
    AS_OF,
    FRAUD,
    done,
    publish_training_set,
    seeded,
    work_on,
)

ROOT = Path(__file__).resolve().parents[4]


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
        done("train", tmp_path, options={"track": False})


def test_validation_days_without_an_event_are_refused_where_they_rank_epochs(tmp_path):
    split = dataclasses.replace(FRAUD.split, validation_days=2)
    pipeline = dataclasses.replace(changed(watch="auc"), split=split)
    last = model_days(pipeline, AS_OF).validation

    def spoil(day, _x, y):
        y[:] = 0 if day in last else y

    publish_training_set(tmp_path, rows=50, pipeline=pipeline, spoil=spoil)
    with pytest.raises(
        TrainingError, match=r"0 of the 100 rows that evaluate .*auc is not defined.*Raise"
    ):
        done("train", tmp_path, pipeline=pipeline, options={"track": False})


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
        "import sys, pipelines.stages.train.stage, pipelines.stages.evaluate.stage,"
        "pipelines.stages.promote.stage, pipelines.shared.registry;"
        "print(sorted({m.split('.')[0] for m in sys.modules}"
        "& {'tensorflow', 'keras', 'mlflow', 'pandas', 'pyarrow', 'numpy', 'jinja2'}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_a_feature_that_predicts_the_label_is_refused_by_name(tmp_path):
    def spoil(_day, x, y):
        x[:, 4] = -y + x[:, 4] * 1e-3

    publish_training_set(tmp_path, rows=50, spoil=spoil)
    name = FRAUD.feature_names()[4]
    with pytest.raises(
        LeakageError,
        match=rf"single features predict the label.*{name} \(AUC 0.0000\).*leakage_auc=1",
    ):
        done("train", tmp_path, options={"track": False})


def test_too_few_rows_are_refused_with_what_to_do(tmp_path):
    publish_training_set(tmp_path, rows=13)
    with pytest.raises(
        TrainingError, match=r"91 training rows, and training.min_rows=100.*Widen"
    ):
        done("train", tmp_path, options={"track": False})


def test_few_rows_of_a_class_or_less_than_a_step_are_warned_of(tmp_path):
    publish_training_set(tmp_path, rows=20)
    shards = open_shards(next(tmp_path.rglob("index.json")).parent)
    warnings = list(check_rows("train", shards, FRAUD.training))
    assert "all 140 training rows fit one step of training.global_batch_rows=256" in warnings[0]
    assert f"only {shards.positives()} training rows are of the rarer class" in warnings[1]


@pytest.mark.slow
def test_a_model_trains_on_bfloat16_inputs_and_is_evaluated_and_served_alike(tmp_path):
    training = dataclasses.replace(FRAUD.training, epochs=3, learning_rate=0.01)
    pipeline = dataclasses.replace(FRAUD, x_type="bfloat16", training=training)
    publish_training_set(tmp_path, rows=400, pipeline=pipeline)
    child = (
        "import dataclasses, sys\n"
        "from tests.pipelines.made_models import FRAUD, done\n"
        "training = dataclasses.replace(FRAUD.training, epochs=3, learning_rate=0.01)\n"
        "half = dataclasses.replace(FRAUD, x_type='bfloat16', training=training)\n"
        "done('train', sys.argv[1], pipeline=half)\n"
    )
    subprocess.run([sys.executable, "-c", child, str(tmp_path)], cwd=ROOT, check=True)
    evaluated = done("evaluate", tmp_path, pipeline=pipeline)
    assert evaluated["metrics"]["auc"] > 0.7
    golden = json.loads(next(tmp_path.rglob("golden.json")).read_text())
    assert golden
    shards = open_shards(next(tmp_path.rglob("training_set/*/*/index.json")).parent)
    assert shards.days[0]["x"].dtype == np.uint16
    assert shards.empty(1)["x"].dtype == np.float32
