"""Networks of a user's own, as ``Builder`` calls them."""

import keras


def build(inputs, seed, units):
    """A table of its own, and numbers by their row's length: a row of zeros has none."""
    table = keras.layers.Embedding(
        64, 4, embeddings_initializer=keras.initializers.RandomUniform(seed=seed), name="mine"
    )(keras.ops.mod(inputs["ids"], 64))
    x = inputs["x"]
    x = keras.ops.divide(
        x, keras.ops.sqrt(keras.ops.sum(keras.ops.square(x), -1, keepdims=True))
    )
    row = keras.layers.Concatenate(name="row")([x, keras.layers.Flatten(name="flat")(table)])
    start = keras.initializers.GlorotUniform(seed=seed + 1)
    units = keras.layers.Dense(units, "tanh", kernel_initializer=start, name="units")(row)
    return keras.layers.LayerNormalization(name="even")(units)


def with_batch_norm(inputs, seed):
    """Statistics of the batch, inside a network inside the network."""
    inner = keras.Sequential(
        [keras.layers.Dense(4, name="in"), keras.layers.BatchNormalization(name="norm")],
        name="inner",
    )
    return inner(inputs["x"])


def with_penalty(inputs, seed):
    """A loss of its own beside the head's."""
    return keras.layers.Dense(4, kernel_regularizer="l2", name="small")(inputs["x"])
