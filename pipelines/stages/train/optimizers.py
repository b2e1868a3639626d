"""The declared optimiser, with a separate one for embedding tables if declared.

Why: Adam over a whole embedding table costs more than the rest of the step.
Promise: clipping and the reduction over replicas happen in the loop (``steps.py``); each row of
    a table arrives here once, unless ``accepts_repeated_rows``.
"""

import re
from typing import Any

import keras
import tensorflow as tf

from pipelines.spec import Training
from pipelines.stages.train.learning_rates import WarmupSchedule

# The thresholds of an ordinal head are the one row of a table, and no embedding.
EMBEDDINGS = re.compile(r"(?!.*thresholds).*embeddings")


class RowAdam(keras.optimizers.Adam):
    """Adam that updates only the rows of an embedding table that a step has gradients for.

    Rows outside the batch keep their moments, which Adam would decay: it equals Adam only where
    every row is updated.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update the rows of the gradient; a dense gradient as Adam does."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        first, second = self._momentums[index].value, self._velocities[index].value
        rows, change = gradient.indices, gradient.values
        t = tf.cast(self.iterations + 1, variable.dtype)
        root = tf.sqrt(1.0 - tf.pow(tf.cast(self.beta_2, variable.dtype), t))
        alpha = tf.cast(learning_rate, variable.dtype) * root
        alpha /= 1.0 - tf.pow(tf.cast(self.beta_1, variable.dtype), t)
        m, v = tf.gather(first, rows), tf.gather(second, rows)
        m += (change - m) * (1.0 - self.beta_1)
        v += (tf.square(change) - v) * (1.0 - self.beta_2)
        first.scatter_update(tf.IndexedSlices(m, rows))
        second.scatter_update(tf.IndexedSlices(v, rows))
        variable.scatter_sub(tf.IndexedSlices(alpha * m / (tf.sqrt(v) + self.epsilon), rows))


def build_optimizer(
    training: Training, steps_per_epoch: int, variables: Any
) -> keras.optimizers.Optimizer:
    """The declared optimiser, built for these variables; to be called in the strategy's scope."""
    rate = WarmupSchedule(training, training.learning_rate, steps_per_epoch)
    optimizer = _named(training.optimizer, rate, training)
    if training.embedding_optimizer and any(EMBEDDINGS.fullmatch(v.path) for v in variables):
        declared = training.embedding_learning_rate or training.learning_rate
        tables = _named(
            training.embedding_optimizer,
            WarmupSchedule(training, declared, steps_per_epoch),
            training,
        )
        optimizer = keras.optimizers.MultiOptimizer(
            keras.optimizers.OptimizerMap(optimizer, {EMBEDDINGS.pattern: tables})
        )
    optimizer.build(variables)
    return optimizer


def accepts_repeated_rows(optimizer: Any, variable: Any) -> bool:
    """Whether gradients of a row may be repeated: plain SGD adds them up, as merging would.

    Its scatter adds in the order of the rows, because the process asks TensorFlow for
    deterministic operations (``devices.py``).
    """
    if isinstance(optimizer, keras.optimizers.MultiOptimizer):
        optimizer = optimizer._optimizer_map(variable)
    return type(optimizer) is keras.optimizers.SGD and not optimizer.momentum


def _named(name: str, rate: WarmupSchedule, training: Training) -> keras.optimizers.Optimizer:
    made = keras.optimizers
    if name == "sgd":
        return made.SGD(rate, name=name)
    if name == "momentum":
        return made.SGD(rate, momentum=training.momentum, name=name)
    if name == "adam":
        return made.Adam(rate, name=name)
    if name == "adagrad":
        return made.Adagrad(rate, name=name)
    if name == "row_adam":
        return RowAdam(rate, name=name)
    decayed = {"adamw": made.AdamW, "lion": made.Lion}[name]
    return decayed(rate, weight_decay=training.weight_decay, name=name)
