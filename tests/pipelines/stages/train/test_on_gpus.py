"""Training on GPUs: against the CPU, one against all, the same bits twice, a full device.

Each run is the ``train`` stage in a process of its own, which sees the GPUs that its mask names.
"""

import json
import math
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from pipelines.core.store import Store
from pipelines.shared.compute.machine import visible_gpus
from tests.pipelines.made_models import publish_training_set, weights_of, work_on
from tests.pipelines.stages.train import train_process

pytestmark = pytest.mark.gpu
SETTINGS = ("training.epochs=3", "training.global_batch_rows=64", "model.hidden=64,32")
EXACT = (*SETTINGS, "model.dropout=0")
CPU = "-1"
# Leaves 3 GiB of the first GPU to others, and holds the rest until its input ends.
HOLDER = """
import sys
import pynvml
import tensorflow as tf
pynvml.nvmlInit()
free = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(0)).free
limit = tf.config.LogicalDeviceConfiguration(memory_limit=(free >> 20) - 3072)
gpu = tf.config.list_physical_devices("GPU")[0]
tf.config.set_logical_device_configuration(gpu, [limit])
held = tf.zeros(1 << 20)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("prepared")
    publish_training_set(root)
    return root


@pytest.fixture
def train(prepared, tmp_path, monkeypatch):
    """Train on the GPUs of a mask; the store with the model."""

    def run(name, mask, *settings, kill_at=None):
        root = tmp_path / name
        shutil.copytree(prepared, root)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
        log = root / "log"
        if kill_at is not None:
            train_process.interrupt(root, kill_at, signal.SIGKILL, *settings, log=log)
        code, _ = train_process.finish(train_process.start(root, *settings, log=log))
        assert code == 0, log.read_text()
        return root

    return run


def file_of(root, name):
    _, work = work_on("train", root)
    store = Store(str(root))
    return json.loads((store.open(store.find(work.model_ref("models"))) / name).read_text())


def assert_close(root, other, atol):
    for ours, theirs in zip(weights_of(root), weights_of(other), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=atol)


def assert_same_bits(root, other):
    for ours, theirs in zip(weights_of(root), weights_of(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_gpu_trains_to_the_weights_of_the_cpu_but_for_its_shorter_products(train):
    # Products of float32 on a tensor core keep 10 fraction bits (TF32).
    gpu, cpu = train("gpu", visible_gpus()[0], *EXACT), train("cpu", CPU, *EXACT)
    assert_close(gpu, cpu, 2e-2)
    losses = [file_of(root, "history.json")["loss"] for root in (gpu, cpu)]
    np.testing.assert_allclose(*losses, rtol=1e-2)


def test_all_gpus_train_to_the_weights_of_one(train):
    visible = visible_gpus()
    if len(visible) < 2:
        pytest.skip("needs 2 GPUs or more: MirroredStrategy over all of them against one")
    every, one = train("all", ",".join(visible), *EXACT), train("one", visible[0], *EXACT)
    assert_close(every, one, 2e-2)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_short_floats_learn_on_a_gpu(train, precision):
    root = train(precision, visible_gpus()[0], *EXACT, f"training.precision={precision}")
    loss = file_of(root, "history.json")["loss"]
    assert all(map(math.isfinite, loss))
    assert loss[-1] < loss[0]


def test_a_gpu_gives_the_same_bits_twice_and_after_a_kill(train):
    gpu, many = visible_gpus()[0], ("training.epochs=30", "training.checkpoint_every_steps=20")
    first = train("first", gpu, *SETTINGS, *many)
    assert_same_bits(first, train("again", gpu, *SETTINGS, *many))
    assert_same_bits(first, train("killed", gpu, *SETTINGS, *many, kill_at=300))


def test_a_full_device_makes_the_next_try_work_through_smaller_micro_batches(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible_gpus()[0])
    publish_training_set(tmp_path, rows=5000)
    # One layer's activations of the whole batch take 2 GiB.
    wide = ("training.global_batch_rows=16384", "model.hidden=32768,8", "model.dropout=0")
    asked = {"root": str(tmp_path), "settings": ["training.epochs=1", *wide]}
    argv = [
        sys.executable,
        "-m",
        "tests.pipelines.stages.train.failure_case",
        json.dumps(asked),
    ]
    holding = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            ran = subprocess.run(
                argv,
                cwd=train_process.ROOT,
                capture_output=True,
                text=True,
                timeout=500,
                check=True,
            )
        finally:
            holder.kill()
    results = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert results[0]["error"].startswith("OutOfMemoryError: ")
    assert "The next try uses 2 micro-batches" in results[0]["error"]
    assert not results[-1]["error"]
