"""TensorFlow where it only scores: on the CPU, beside GPUs that others use.

Why: TensorFlow takes all memory of each GPU that it sees, at its first operation; and a verdict
    must not hang on which machine scored.
Promise: no GPU is touched, and the scores are those of a machine without any.
Not here: training (``pipelines/training/devices.py``); a process that is started to check a model
    is given ``NO_GPU`` (``machine.py``) instead.
"""

import os
from typing import Any


def tensorflow_on_cpu() -> Any:
    """Import TensorFlow and hide the GPUs from it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

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
