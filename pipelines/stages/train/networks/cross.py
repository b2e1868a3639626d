"""Cross layers of a deep & cross network (DCN-V2).

Source: R. Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale
Learning to Rank Systems", WWW 2021, equations 1 and 2.
"""

from typing import Any

import keras

from pipelines.spec import DeepCross
from pipelines.stages.train.networks.layers import Seeds, dense, hidden


def deep_and_crossed(row: Any, declared: DeepCross, seeds: Seeds) -> keras.KerasTensor:
    """Hidden layers beside cross layers."""
    deep = hidden(row, declared, seeds)
    crossed = cross(row, declared.cross_layers, declared.cross_rank, seeds)
    return keras.layers.Concatenate(name="deep_and_crossed")([deep, crossed])


def cross(x: Any, layers: int, rank: int, seeds: Seeds) -> keras.KerasTensor:
    """``x0 * (W x + b) + x``, so many times; W of the given rank, 0 for a full matrix."""
    first = x
    for n in range(layers):
        inner = x
        if rank:
            start = keras.initializers.GlorotUniform(seed=seeds.of(f"cross_down_{n}"))
            inner = keras.layers.Dense(
                rank, use_bias=False, kernel_initializer=start, name=f"cross_down_{n}"
            )(x)
        product = dense(inner, first.shape[-1], None, f"cross_{n}", seeds)
        x = keras.layers.Add(name=f"crossed_{n}")([keras.ops.multiply(first, product), x])
    return x
