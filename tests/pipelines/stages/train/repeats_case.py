"""One SGD step on ids that repeat thousands of times, through the loop's own step; prints JSON."""

import json
import os

import numpy as np

from pipelines.spec import Training
from pipelines.stages.train.devices import Devices, open_strategy

ROWS, IDS, RATE = 50_000, 300, 0.1


def main():
    strategy = open_strategy(Devices("cpu", 1), seed=1)
    import keras
    import tensorflow as tf

    from pipelines.stages.train.network import LoopHead, Network
    from pipelines.stages.train.optimizers import build_optimizer
    from pipelines.stages.train.steps import Recipe, Stepper

    draw = np.random.default_rng(3)
    ids = draw.integers(0, IDS, size=(1, ROWS, 1)).astype(np.int32)
    y = draw.normal(size=(1, ROWS)).astype(np.float32)
    given = keras.Input((1,), dtype="int32", name="ids")
    table = keras.layers.Embedding(IDS, 1, name="table")
    model = keras.Model({"ids": given}, keras.layers.Flatten()(table(given)))
    before = table.embeddings.numpy()
    optimizer = build_optimizer(
        Training(optimizer="sgd", learning_rate=RATE), 1, model.trainable_variables
    )
    # The gradient of a row's loss is its label, so what is added where can be written down.
    head = LoopHead(loss=lambda outputs, labels: outputs[:, 0] * labels)
    stepper = Stepper(Network(strategy, model, head, optimizer), Recipe(clip_norm=0.0))
    weight = np.ones_like(y)
    ones = tf.constant([1.0])
    stepper.steps(
        {"ids": tf.constant(ids)},
        tf.constant(y),
        tf.constant(weight),
        ones,
        tf.constant(0),
        tf.constant(1),
    )
    expected = before.copy()
    np.subtract.at(expected, ids[0, :, 0], (y[0] * np.float32(RATE))[:, None])
    same = np.array_equal(table.embeddings.numpy(), expected)
    print(
        json.dumps({"same_bits": same, "moved": float(abs(expected - before).max())}),
        flush=True,
    )
    os._exit(0)


main()
