"""A served graph that says something else than the training did is not promoted."""

import json
import subprocess
import sys

import pytest

from pipelines.errors import ArtifactError
from pipelines.promotion.golden import check_golden

MAKE = """
import sys, json, tensorflow as tf
class Served(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float64, name="amount"),
                                  tf.TensorSpec((None,), tf.string, name="word")])
    def score(self, amount, word):
        known = tf.where(tf.math.is_nan(amount), tf.zeros_like(amount), amount)
        return {"score": tf.sigmoid(tf.cast(known, tf.float32)) + tf.cast(word == "", tf.float32)}
served = Served()
tf.saved_model.save(served, sys.argv[1], signatures={"serving_default": served.score})
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    argv = [sys.executable, "-c", MAKE, str(folder / "saved_model")]
    subprocess.run(argv, check=True, capture_output=True, timeout=300)
    return folder


def golden(model, scores):
    rows = {"amount": [0.0, None], "word": ["a", None]}
    (model / "golden.json").write_text(
        json.dumps({"rows": rows, "predictions": {"score": scores}})
    )


def test_golden_rows_that_agree_are_told_and_others_refused(model):
    golden(model, [0.5, 1.5])
    assert check_golden(model) == "2 golden rows agree to 0"
    golden(model, [0.5, 0.5])
    with pytest.raises(
        ArtifactError, match=r"2 golden rows .* largest difference 1, 0.0001 is"
    ):
        check_golden(model)


def test_a_model_that_does_not_load_says_so(tmp_path):
    golden(tmp_path, [0.5, 0.5])
    with pytest.raises(ArtifactError, match="does not load in a clean process"):
        check_golden(tmp_path)


def test_the_check_leaves_the_gpus_to_training(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    script = tmp_path / "says_what_it_sees.py"
    script.write_text(
        "import json, os\n"
        "hidden = os.environ['CUDA_VISIBLE_DEVICES'] == '-1'\n"
        "print(json.dumps({'rows': 1, 'difference': 0.0 if hidden else 9.0, 'missing': []}))\n"
    )
    monkeypatch.setattr("pipelines.promotion.golden.CHECK", script)
    assert check_golden(tmp_path) == "1 golden rows agree to 0"
