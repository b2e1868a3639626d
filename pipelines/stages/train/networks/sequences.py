"""Networks over sequence features: a GRU, and a causal transformer.

Why: aggregates over a window lose the order of events.
Promise: steps beyond a row's length have no effect, whatever their values; a row without events
    gets zeros.
"""

from typing import Any

import keras
from keras import ops

from pipelines.spec import Recurrent, Transformer
from pipelines.stages.train.networks.layers import Seeds, dense, dropped


def valid_steps(steps: int, length: Any) -> keras.KerasTensor:
    """Which steps of each row hold an event, ``(n_rows, steps)``."""
    return ops.less(ops.arange(steps, dtype="int32"), ops.expand_dims(length, -1))


def gru(
    sequence: Any, length: Any, model: Recurrent, name: str, seeds: Seeds
) -> keras.KerasTensor:
    """State after the last valid step, ``(n_rows, units)``."""
    layer = keras.layers.GRU(
        model.units,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seeds.of(f"gru_{name}")),
        recurrent_initializer=keras.initializers.Orthogonal(seed=seeds.of(f"state_{name}")),
        name=f"gru_{name}",
    )
    return layer(sequence, mask=valid_steps(sequence.shape[1], length))


def transformer(
    sequence: Any, length: Any, model: Transformer, name: str, seeds: Seeds
) -> keras.KerasTensor:
    """Vector of the last valid step, ``(n_rows, width)``; zeros for a row without events."""
    steps = sequence.shape[1]
    valid = valid_steps(steps, length)
    x = dense(sequence, model.width, None, f"steps_{name}", seeds)
    positions = ops.subtract(ops.cumsum(ops.ones_like(valid, dtype="int32"), axis=1), 1)
    x = keras.layers.Add(name=f"placed_{name}")(
        [x, _position_embedding(positions, model, name, seeds)]
    )
    for n in range(model.blocks):
        x = _block(x, ops.expand_dims(valid, 1), model, f"{name}_{n}", seeds)
    x = keras.layers.LayerNormalization(name=f"normal_{name}")(x)
    last = ops.equal(positions, ops.expand_dims(ops.subtract(length, 1), -1))
    return ops.sum(ops.multiply(x, ops.expand_dims(ops.cast(last, "float32"), -1)), axis=1)


def _position_embedding(
    positions: Any, model: Transformer, name: str, seeds: Seeds
) -> keras.KerasTensor:
    start = keras.initializers.RandomNormal(stddev=0.02, seed=seeds.of(f"places_{name}"))
    return keras.layers.Embedding(
        positions.shape[1], model.width, embeddings_initializer=start, name=f"places_{name}"
    )(positions)


def _block(
    x: Any, valid: Any, model: Transformer, name: str, seeds: Seeds
) -> keras.KerasTensor:
    """Attention and a dense pair, each on a normalised copy and added back."""
    attention = keras.layers.MultiHeadAttention(
        model.heads,
        model.width // model.heads,
        dropout=model.dropout,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seeds.of(f"heads_{name}")),
        seed=seeds.of(f"attended_{name}"),
        name=f"attention_{name}",
    )
    normal = keras.layers.LayerNormalization(name=f"before_attention_{name}")(x)
    seen = attention(normal, normal, attention_mask=valid, use_causal_mask=True)
    x = keras.layers.Add(name=f"attended_{name}")([x, seen])
    normal = keras.layers.LayerNormalization(name=f"before_dense_{name}")(x)
    inner = dense(normal, 4 * model.width, model.activation, f"inner_{name}", seeds)
    outer = dense(inner, model.width, None, f"outer_{name}", seeds)
    outer = dropped(outer, model.dropout, f"dropped_{name}", seeds)
    return keras.layers.Add(name=f"added_{name}")([x, outer])
