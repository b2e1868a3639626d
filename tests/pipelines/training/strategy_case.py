"""One case of the loop in a process of its own, against a plain loop with dense gradients.

Called with JSON on the command line; prints JSON: the largest weight difference, whether the
replicas' copies agree bit by bit, and what a loss that is not a number led to.
"""

import json
import logging
import sys

import numpy as np

from pipelines.errors import TrainingError
from pipelines.events import Reporter
from pipelines.training.batches import Cursor, Feed, Shards
from pipelines.training.devices import Devices, open_strategy

N_FEATURES = 6
CLIP_NORM = 0.05  # small enough to bind in nearly every step


def rows_of(count):
    draw = np.random.Generator(np.random.Philox(key=[9, 9]))
    x = draw.integers(0, 40, size=(count, N_FEATURES)).astype(np.float32)
    y = (x[:, 0] + draw.normal(size=count) * 10 > 22).astype(np.float32)
    half = count // 2
    return Shards((x[:half], x[half:]), (y[:half], y[half:]), np.array([0, half, count]))


def build(keras, kind):
    layers = [keras.Input((N_FEATURES,))]
    if kind == "embedding":  # ids repeat within a batch, so its gradient has duplicate rows
        layers += [keras.layers.Embedding(40, 4, name="table"), keras.layers.Flatten()]
    else:
        layers += [keras.layers.Rescaling(1 / 40)]
    layers += [
        keras.layers.Dense(16, "relu", name="hidden"),
        keras.layers.Dense(1, name="logit"),
    ]
    return keras.Sequential(layers)


class _NoCheckpoints:
    def mark(self, step):
        pass

    def save(self, cursor):
        pass


def ours(strategy, asked, shards, start):
    import keras

    from pipelines.training.loop import Course, Network, train

    with strategy.scope():
        model = build(keras, asked["kind"])
        model.set_weights(start)
        optimizer = keras.optimizers.Adam(1e-2)
        optimizer.build(model.trainable_variables)
    feed = Feed(shards, 4, asked["batch_rows"], strategy.num_replicas_in_sync)
    course = Course(epochs=asked["epochs"], clip_norm=CLIP_NORM, checkpoint_every_s=1e9)
    report = Reporter("train case", lambda _event: None)
    cursor = train(
        Network(strategy, model, optimizer),
        feed,
        course,
        _NoCheckpoints(),
        Cursor(),
        report,
        lambda: False,
    )
    return model, cursor


def plain(asked, shards, start):
    """Eager, one device, whole batches, every gradient dense: no line shared with the loop."""
    import keras
    import tensorflow as tf

    model = build(keras, asked["kind"])
    model.set_weights(start)
    optimizer = keras.optimizers.Adam(1e-2)
    optimizer.build(model.trainable_variables)
    for epoch in range(asked["epochs"]):
        order = np.random.Generator(np.random.Philox(key=[4, epoch])).permutation(shards.rows)
        for begin in range(0, shards.rows, asked["batch_rows"]):
            x, y = shards.take(order[begin : begin + asked["batch_rows"]])
            with tf.GradientTape() as tape:
                logits = model(x, training=True)[:, 0]
                loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y, logits))
            found = tape.gradient(loss, [v.value for v in model.trainable_variables])
            found, _ = tf.clip_by_global_norm(
                [tf.convert_to_tensor(g) for g in found], CLIP_NORM
            )
            optimizer.apply(found, model.trainable_variables)
    return model


def copies_agree(model, replicas):
    if replicas == 1:
        return True
    values = [[part.numpy() for part in v.value.values] for v in model.trainable_variables]
    return all(np.array_equal(v[0], other) for v in values for other in v[1:])


def not_a_number(strategy, asked, start):
    shards = rows_of(300)
    shards.x[0][5, 2] = np.nan
    try:
        ours(strategy, asked | {"kind": "dense", "epochs": 1}, shards, start)
    except TrainingError as error:
        return str(error)
    return "no error"


def main():
    asked = json.loads(sys.argv[1])
    logging.disable(logging.WARNING)
    strategy = open_strategy(Devices("cpu", asked["replicas"]), seed=1)
    import keras

    shards = rows_of(asked["rows"])
    start = build(keras, asked["kind"]).get_weights()
    model, cursor = ours(strategy, asked, shards, start)
    other = plain(asked, shards, start)
    pairs = zip(model.get_weights(), other.get_weights(), start, strict=True)
    differences = [(np.abs(a - b).max(), np.abs(a - s).max()) for a, b, s in pairs]
    told = {
        "difference": float(max(d for d, _ in differences)),
        "moved": float(max(m for _, m in differences)),
        "copies_agree": copies_agree(model, asked["replicas"]),
        "steps": cursor.step,
    }
    if asked.get("nan"):
        told["nan"] = not_a_number(strategy, asked, build(keras, "dense").get_weights())
    print(json.dumps(told))


main()
