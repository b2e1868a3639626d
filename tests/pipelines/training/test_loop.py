"""The loop under a strategy against a plain loop; one process a case, as TensorFlow asks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def case(**asked):
    ran = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.training.strategy_case", json.dumps(asked)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


def assert_equal_to_the_plain_loop(told):
    assert told["difference"] < 1e-6
    assert told["moved"] > 1e-2
    assert told["copies_agree"]


def test_two_replicas_equal_one_device_with_a_tail_of_37_rows_and_a_nan_names_its_step():
    told = case(replicas=2, kind="dense", rows=64 * 5 + 37, batch_rows=64, epochs=1, nan=True)
    assert told["steps"] == 6
    assert_equal_to_the_plain_loop(told)
    assert "The loss of step " in told["nan"]
    assert "is nan (epoch 1). Lower training.learning_rate" in told["nan"]


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("tail", [0, 1, 37])
@pytest.mark.parametrize("kind", ["dense", "embedding"])
def test_replicas_equal_one_device_whatever_the_tail(replicas, tail, kind):
    told = case(replicas=replicas, kind=kind, rows=64 * 6 + tail, batch_rows=64, epochs=1)
    assert_equal_to_the_plain_loop(told)
