"""The layer between a network and its loss.

Why: an ordinal head is one score against thresholds; every other head is a dense layer.
"""

from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from pipelines.spec import Binary, Head, Ordinal, outputs_of


class SeedsByName(Protocol):
    """Gives a layer's seed by its name."""

    def of(self, name: str) -> int:
        """The seed of the layer of that name."""


def head_layer(head: Head, body: Any, seeds: SeedsByName) -> keras.KerasTensor:
    """Raw outputs ``(n_rows, outputs)`` over a network's last layer ``(n_rows, width)``."""
    name = "logit" if isinstance(head, Binary) else "outputs"
    if isinstance(head, Ordinal):
        return _thresholds(head, body, seeds)
    start = keras.initializers.GlorotUniform(seed=seeds.of(name))
    return keras.layers.Dense(outputs_of(head), kernel_initializer=start, name=name)(body)


def _thresholds(head: Ordinal, body: Any, seeds: SeedsByName) -> keras.KerasTensor:
    """One score plus a bias for each threshold, the biases falling at the start.

    The biases are the one row of a table: no stock layer adds a bias alone, and a file with a
    layer of our own would load only where Millrace is.
    """
    start = keras.initializers.GlorotUniform(seed=seeds.of("grade"))
    score = keras.layers.Dense(1, use_bias=False, kernel_initializer=start, name="grade")(body)
    biases = np.linspace(1.0, -1.0, head.classes - 1, dtype=np.float32)
    table = keras.layers.Embedding(
        1,
        head.classes - 1,
        embeddings_initializer=keras.initializers.Constant(biases.tolist()),
        name="thresholds",
    )
    first = ops.cast(ops.zeros_like(ops.squeeze(score, -1)), "int32")
    return keras.layers.Add(name="outputs")([table(first), score])
