"""Scoring beside GPUs: in processes of their own, as TensorFlow chooses its devices once."""

import subprocess
import sys

import pytest

HIDDEN = """
import os
os.environ.update(TF_ENABLE_ONEDNN_OPTS="1", ONEDNN_MAX_CPU_ISA="AVX512_CORE")
from types import SimpleNamespace
from pipelines.shared.compute.tensorflow import SCORING_THREADS, hide_gpus, tensorflow_on_cpu
asked = []
config = SimpleNamespace(set_visible_devices=lambda devices, kind: asked.append((devices, kind)))
hide_gpus(SimpleNamespace(config=config))
assert asked == [([], "GPU")], asked
tf = tensorflow_on_cpu()
assert tf.config.get_visible_devices("GPU") == []
assert (tf.constant([1.0]) + 1.0).device.endswith("CPU:0")
tensorflow_on_cpu()
from tensorflow.python.util import _pywrap_util_port
assert not _pywrap_util_port.IsMklEnabled()
assert os.environ["ONEDNN_MAX_CPU_ISA"] == "AVX2"
assert tf.config.threading.get_intra_op_parallelism_threads() == SCORING_THREADS
"""
RUNNING = """
import pynvml
pynvml.nvmlInit()
from pipelines.shared.compute.tensorflow import tensorflow_on_cpu
tf = tensorflow_on_cpu()
total = tf.reduce_sum(tf.random.normal((1000, 1000)))
assert total.device.endswith("CPU:0"), total.device
import os
for n in range(pynvml.nvmlDeviceGetCount()):
    held = pynvml.nvmlDeviceGetComputeRunningProcesses(pynvml.nvmlDeviceGetHandleByIndex(n))
    assert os.getpid() not in [process.pid for process in held]
"""


def run(code):
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, ran.stderr


def test_scoring_hides_the_gpus_pins_the_kernels_and_works_where_tensorflow_already_runs():
    run(HIDDEN)


@pytest.mark.gpu
def test_scoring_holds_no_gpu():
    run(RUNNING)
