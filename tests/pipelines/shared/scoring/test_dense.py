"""The forward pass without TensorFlow."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import ConfigError
from pipelines.shared.scoring.dense import ACTIVATIONS, Layer, Scorer, open_scorer

ROOT = Path(__file__).resolve().parents[4]


def network(n_features=15, units=500):
    draw = np.random.Generator(np.random.Philox(key=[4, 4]))
    sizes = [(n_features, units, "relu"), (units, 1, "linear")]
    layers = [
        Layer(draw.normal(size=(a, b)), draw.normal(size=b), name) for a, b, name in sizes
    ]
    return Scorer(tuple(layers))


@pytest.fixture(scope="module")
def beside_keras(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.shared.scoring.keras_case", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


def test_scores_are_those_of_keras_for_every_activation(beside_keras):
    errors = beside_keras["errors"]
    others = {name: error for name, error in errors.items() if name not in ACTIVATIONS}
    assert others.keys() == {"members", "times", "times of members", "two events"}
    assert max(errors.values()) < 2e-6
    assert max(others.values()) < 1e-6


def test_a_graph_and_numpy_give_one_probability_for_drawn_calibrations(beside_keras):
    found = beside_keras["served"]
    assert found["apart"]["none"] == 0
    assert found["apart"]["isotonic"] == 0
    assert found["apart"]["platt"] <= 1
    assert 0 < found["held_out"] < 1e-6


def test_a_rows_score_does_not_depend_on_the_rows_beside_it():
    x = np.random.Generator(np.random.Philox(key=[5, 5])).normal(size=(40_000, 15))
    scorer, x = network(), x.astype(np.float32)
    whole = scorer.score(x)
    np.testing.assert_array_equal(whole[123:4567], scorer.score(x[123:4567]))
    np.testing.assert_array_equal(whole[-1:], scorer.score(x[-1:]))
    assert scorer.score(x[:0]).shape == (0,)


@pytest.mark.parametrize("chunk_rows", [7, 4096, 1 << 17])
def test_chunks_of_any_size_give_the_same_scores(chunk_rows):
    x = np.random.Generator(np.random.Philox(key=[7, 7])).normal(size=(20_000, 15))
    scorer, x = network(), x.astype(np.float32)
    other = dataclasses.replace(scorer, chunk_rows=chunk_rows)
    np.testing.assert_array_equal(other.score(x), scorer.score(x))


def test_scores_are_the_same_bits_with_one_thread():
    code = (
        "import numpy as np;"
        "from tests.pipelines.shared.scoring.test_dense import network;"
        "x = np.random.Generator(np.random.Philox(key=[6, 6])).normal(size=(20_000, 15));"
        "import hashlib; print(hashlib.sha256(network().score(x.astype('f4')).tobytes()).hexdigest())"
    )
    digests = set()
    for threads in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"OPENBLAS_NUM_THREADS": threads, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(ran.stdout.strip())
    assert len(digests) == 1


def test_an_activation_that_cannot_be_computed_is_refused_with_those_that_can(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/index.json").write_text("[]")
    layer = {"class_name": "Dense", "config": {"name": "hidden_0", "activation": "selu"}}
    (tmp_path / "model.json").write_text(json.dumps({"config": {"layers": [layer]}}))
    with pytest.raises(
        ConfigError, match=r"model.activation 'selu' cannot be evaluated. Known: elu,"
    ):
        open_scorer(tmp_path)
