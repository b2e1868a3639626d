"""The learning rate of each step: warm-up, then a declared schedule.

Why: a rate that depends on the step alone survives a kill with the step.
Promise: it is scaled with the batch by the declared rule, never by the replica count.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from pipelines.spec import Training


def peak_rate(training: Training, declared: float) -> float:
    """The declared rate scaled from ``base_batch_rows`` to the batch that is used.

    Source:
        ``linear``: Goyal and others, "Accurate, Large Minibatch SGD", 2017. ``sqrt``:
        Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.
    """
    ratio = training.global_batch_rows / training.base_batch_rows
    factor = {"none": 1.0, "linear": ratio, "sqrt": math.sqrt(ratio)}[training.rate_scaling]
    return declared * factor


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Warm-up from 0 in a straight line, then the schedule over what is left of the run."""

    def __init__(self, training: Training, declared: float, steps_per_epoch: int) -> None:
        """Make the schedule of a run with that many steps an epoch."""
        self._training, self._peak = training, peak_rate(training, declared)
        self._warmup = round(training.warmup_epochs * steps_per_epoch)
        self._steps = max(training.epochs * steps_per_epoch - self._warmup, 1)
        self._drop_steps = training.step_epochs * steps_per_epoch

    def __call__(self, step: Any) -> tf.Tensor:
        """The rate of the step, counted from 0."""
        step = tf.cast(step, tf.float32)
        rising = (step + 1.0) / max(self._warmup, 1)
        done = tf.minimum((step - self._warmup) / self._steps, 1.0)
        after = self._share(tf.maximum(done, 0.0), step)
        return self._peak * tf.where(step < self._warmup, rising, after)

    def _share(self, done: Any, step: Any) -> Any:
        """Share of the peak rate after that share of the steps."""
        training = self._training
        if training.schedule == "step":
            drops = tf.floor(tf.maximum(step - self._warmup, 0.0) / self._drop_steps)
            return tf.pow(training.step_factor, drops)
        low = training.final_rate_share
        if training.schedule == "cosine":
            return low + (1.0 - low) * 0.5 * (1.0 + tf.cos(math.pi * done))
        return low + (1.0 - low) * (1.0 - done) if training.schedule == "linear" else 1.0

    def get_config(self) -> dict[str, Any]:
        """Empty: each run makes the schedule from its declaration."""
        return {}
