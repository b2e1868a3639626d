"""Layers with weights and dropout masks that follow from the seed.

Why: by default a layer draws its seed from a global generator, so that the same declaration would
    train to other weights after an unrelated change.
Promise: a seed depends on the run's seed and the layer's name only.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import keras

from pipelines.spec import LayeredModel
from pipelines.stages.train.member_layers import dense_layer


@dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds of a network's layers.

    Attributes:
        seed: The run's.
    """

    seed: int

    def of(self, name: str) -> int:
        """The seed of the layer of that name."""
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return int.from_bytes(digest[:4], "little") % (2**31 - 1)


def dense(
    x: Any, units: int, activation: str | None, name: str, seeds: Seeds
) -> keras.KerasTensor:
    """A dense layer with Glorot's uniform initial weights."""
    start = keras.initializers.GlorotUniform(seed=seeds.of(name))
    layer = keras.layers.Dense(
        units, activation=activation, kernel_initializer=start, name=name
    )
    return layer(x)


def dropped(x: Any, share: float, name: str, seeds: Seeds) -> keras.KerasTensor:
    """Apply dropout; return the input if the share is 0."""
    return keras.layers.Dropout(share, seed=seeds.of(name), name=name)(x) if share else x


def hidden(x: Any, declared: LayeredModel, seeds: Seeds) -> keras.KerasTensor:
    """Hidden layers, each followed by dropout; of ``(n_rows, members, width)`` each member's own."""
    for n, units in enumerate(declared.hidden):
        name = f"hidden_{n}"
        x = dense_layer(x, units, name, seeds.of(name), activation=declared.activation)
        x = dropped(x, declared.dropout, f"dropout_{n}", seeds)
    return x
