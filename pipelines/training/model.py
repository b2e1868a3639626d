"""The declared network as a Keras model.

Why: a declaration says layers and rates; seeds and names must follow from it as well.
Promise: one logit a row; the initial weights and every dropout mask follow from the seed; variable
    names do not depend on what else the process built.
"""

from typing import Any

import keras
import tensorflow as tf

from pipelines.training.network import Head

# Apart from the row order's keys, so that layers and epochs never share a stream.
LAYER_SEEDS = 1_000_003


def build_model(declared: Any, n_features: int, seed: int) -> Any:
    """A dense network ``{"x": (n_rows, n_features)} -> (n_rows, 1)`` of logits."""
    x = keras.Input((n_features,), name="x")
    layers: list[Any] = []
    for n, units in enumerate(declared.hidden):
        layers.append(_dense(units, declared.activation, f"hidden_{n}", _seed(seed, 2 * n)))
        if declared.dropout:
            layers.append(
                keras.layers.Dropout(
                    declared.dropout, seed=_seed(seed, 2 * n + 1), name=f"dropout_{n}"
                )
            )
    layers.append(_dense(1, None, "logit", _seed(seed, 2 * len(declared.hidden))))
    outputs = x
    for layer in layers:
        outputs = layer(outputs)
    return keras.Model({"x": x}, outputs, name="network")


def binary_head(focal_gamma: float = 0.0) -> Head:
    """One logit for an event that is or is not.

    Args:
        focal_gamma: Exponent that turns the loss from rows that are told well already.

    Source:
        Lin and others, "Focal Loss for Dense Object Detection", 2017, equation 4.
    """

    def loss(outputs: Any, y: Any) -> Any:
        logits = outputs[:, 0]
        each = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits)
        if not focal_gamma:
            return each
        # log(1 - p) of the row's own class, from its logit: exact where p is near 1.
        missed = -tf.nn.softplus((2.0 * y - 1.0) * logits)
        return tf.exp(focal_gamma * missed) * each

    return Head(loss=loss, score=lambda outputs: outputs[:, 0])


def _dense(units: int, activation: str | None, name: str, seed: int) -> Any:
    start = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, activation=activation, kernel_initializer=start, name=name)


def _seed(seed: int, layer: int) -> int:
    return (seed * LAYER_SEEDS + layer) % (2**31 - 1)
