"""Import TensorFlow with arithmetic that does not depend on the host's processor.

Why: by default TensorFlow selects its kernels by the CPU's instructions and splits products by the
    number of cores. A retry on another host would give other bits; oneDNN's fused kernels turn NaN into
    0, and abort the process when they run out of memory (docs/decisions/0029-kernels-are-pinned.md).
Promise: the pinned settings apply in a process that has not imported TensorFlow before; a process that
    only scores uses no GPU, so that a verdict does not depend on the machine.
Not here: training's devices (``pipelines/stages/train/devices.py``); a process that checks a model is
    started with ``PINNED`` and ``NO_GPU`` (``machine.py``).
"""

import logging
import os
import sys
from contextlib import suppress
from typing import Any

# Read once, when TensorFlow is imported. AVX2 is what every x86-64 host of the last ten years has.
PINNED = {"TF_ENABLE_ONEDNN_OPTS": "0", "ONEDNN_MAX_CPU_ISA": "AVX2"}
SCORING_THREADS = 2


def pinned_tensorflow(threads: int) -> Any:
    """Import TensorFlow with its kernels and its threads per operation pinned.

    Where TensorFlow is already initialised in this process, its settings are fixed and stay.
    """
    if "tensorflow" not in sys.modules:  # a part of them in force would be worse than none
        os.environ.update(PINNED)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import tensorflow as tf

    tf.get_logger().setLevel(logging.ERROR)
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    return tf


def tensorflow_on_cpu() -> Any:
    """Import TensorFlow and hide the GPUs from it."""
    tf = pinned_tensorflow(SCORING_THREADS)
    hide_gpus(tf)
    return tf


def hide_gpus(tf: Any) -> None:
    """Hide the GPUs from TensorFlow, unless it is already initialised in this process."""
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError:
        return
