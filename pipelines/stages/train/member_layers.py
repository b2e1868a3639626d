"""Layers of several networks in one: each member's weights are a slice of every array.

Why: members that start from their own weights, averaged, predict better than one of them; in one model they are
    trained on the same batches, published and served together.
Promise: no member sees another; stock Keras layers, so that a file loads where Keras is.
Not here: the mean of the members' losses and predictions (``heads/members.py``).
"""

import math
from typing import Any

import keras

# From (rows, members, in) and (members, in, out) to (rows, members, out).
EQUATION = "bmi,mio->bmo"
RANK = 3


def members_of(values: Any) -> int:
    """Members of a layer's outputs ``(n_rows, members, width)``; 1 of ``(n_rows, width)``."""
    return int(values.shape[1]) if len(values.shape) == RANK else 1


def dense_layer(
    x: Any,
    units: int,
    name: str,
    seed: int,
    *,
    share: float = 1.0,
    activation: str | None = None,
    use_bias: bool = True,
) -> keras.KerasTensor:
    """A dense layer of one network, or of each member, with Glorot's uniform initial weights.

    Args:
        x: ``(n_rows, width)`` or ``(n_rows, members, width)``.
        units: Width of its outputs.
        name: Name of the layer.
        seed: Seed of the weights; each member draws its own of them.
        share: Factor of the weights' variance.
        activation: Keras activation.
        use_bias: Whether it has a bias.
    """
    # Written out, because Keras counts the members' axis among the units.
    limit = math.sqrt(6.0 * share / (x.shape[-1] + units))
    start = keras.initializers.RandomUniform(-limit, limit, seed=seed)
    given = {"activation": activation, "kernel_initializer": start, "name": name}
    if len(x.shape) != RANK:
        return keras.layers.Dense(units, use_bias=use_bias, **given)(x)
    bias = "mo" if use_bias else None
    shape = (members_of(x), units)
    layer = keras.layers.EinsumDense(EQUATION, shape, bias_axes=bias, **given)
    return layer(x)
