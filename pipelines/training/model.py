"""The declared network as a Keras model.

Why: a declaration says layers and rates; seeds and names must follow from it as well.
Promise: one logit a row; the initial weights and every dropout mask follow from the seed; variable
    names do not depend on what else the process built.
"""

from typing import Any

import keras

# Apart from the row order's keys, so that layers and epochs never share a stream.
LAYER_SEEDS = 1_000_003


def build_model(declared: Any, n_features: int, seed: int) -> Any:
    """A dense network ``(n_rows, n_features) -> (n_rows, 1)`` of logits."""
    layers: list[Any] = [keras.Input((n_features,), name="features")]
    for n, units in enumerate(declared.hidden):
        layers.append(_dense(units, declared.activation, f"hidden_{n}", _seed(seed, 2 * n)))
        if declared.dropout:
            layers.append(
                keras.layers.Dropout(
                    declared.dropout, seed=_seed(seed, 2 * n + 1), name=f"dropout_{n}"
                )
            )
    layers.append(_dense(1, None, "logit", _seed(seed, 2 * len(declared.hidden))))
    return keras.Sequential(layers, name="network")


def build_optimizer(learning_rate: float) -> Any:
    """Adam; clipping happens in the loop, after the reduction over replicas."""
    return keras.optimizers.Adam(learning_rate, name="adam")


def _dense(units: int, activation: str | None, name: str, seed: int) -> Any:
    start = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, activation=activation, kernel_initializer=start, name=name)


def _seed(seed: int, layer: int) -> int:
    return (seed * LAYER_SEEDS + layer) % (2**31 - 1)
