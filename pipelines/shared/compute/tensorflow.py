"""TensorFlow as every stage imports it: with arithmetic that does not go by the host's processor.

Why: left alone TensorFlow picks its kernels by the CPU's instructions and cuts products by the number
    of its cores. A retry on another host would end with other bits; oneDNN's fused kernels turn NaN into
    0, and end the process where they find no memory (docs/decisions/0029-kernels-are-pinned.md).
Promise: what is pinned holds in a process that has not imported TensorFlow before; where it only scores,
    no GPU is touched, so that a verdict does not hang on which machine scored.
Not here: training's devices (``pipelines/stages/train/devices.py``); a process that is started to check a
    model is given ``PINNED`` and ``NO_GPU`` (``machine.py``).
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
    """Import TensorFlow with its kernels and the threads of an operation pinned.

    Where it already runs in this process, who started it there chose them, and TensorFlow changes
    them no more.
    """
    if "tensorflow" not in sys.modules:  # half of them in force would be worse than none
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
    """Hide the GPUs from TensorFlow, unless it already runs in this process.

    Who started it there chose its devices, and TensorFlow changes them no more.
    """
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError:
        return
