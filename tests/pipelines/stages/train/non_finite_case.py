"""Errors of the loop for non-finite values, by where they occur; see test_non_finite.py.

Called with a list of origins; prints a JSON line for each: the error, or "no error". With TensorFlow's
fused kernels a NaN before a relu never reaches the loss: the network's first layer ends in one.
"""

import json
import logging
import os
import sys

import numpy as np

from pipelines.core.errors import TrainingError
from pipelines.core.events import Reporter
from pipelines.spec import Binary, Training
from pipelines.stages.train.batches import Feed
from pipelines.stages.train.cursor import Cursor
from pipelines.stages.train.devices import Devices, open_strategy
from pipelines.stages.train.shards import Shards
from tests.pipelines.stages.train.train_process import import_tensorflow

ROWS, NUMBERS, IDS = 256, 4, 50


class NoCheckpoints:
    def last_finite(self):
        return "none yet"

    def __getattr__(self, name):
        return lambda *_: None


def rows(seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(ROWS, NUMBERS)).astype(np.float32)
    ids = draw.integers(0, IDS - 1, (ROWS, 1)).astype(np.int32)  # the last one never occurs
    return {"x": x, "ids": ids, "y": (x[:, 0] > 0).astype(np.float32)}


def build():
    import keras

    inputs = {
        "x": keras.Input((NUMBERS,), name="x"),
        "ids": keras.Input((1,), dtype="int32", name="ids"),
    }
    hidden = keras.layers.Dense(500, "relu", name="hidden")(inputs["x"])
    table = keras.layers.Embedding(IDS, 4, name="table")(inputs["ids"])
    joined = keras.layers.Concatenate()([hidden, keras.layers.Flatten()(table)])
    return keras.Model(inputs, keras.layers.Dense(1, name="logit")(joined))


def spoil(origin, model, shards, validation, settings):
    """Put a non-finite value at its origin."""
    if origin == "input":
        shards["x"][200, 2] = np.inf
    if origin == "validation":
        validation["x"][7, 1] = np.nan
    if origin == "weights":
        kernel = model.get_layer("hidden").kernel
        kernel.assign(np.where(np.arange(500) == 3, np.nan, kernel.numpy()))
    if origin == "table":
        table = model.get_layer("table").embeddings
        table.assign(np.where(np.arange(IDS)[:, None] == IDS - 1, np.nan, table.numpy()))
    if origin == "overflow":
        model.get_layer("logit").kernel.assign(np.full((504, 1), 3e38))
        shards["x"][:] = np.abs(shards["x"]) * 1e10
    if origin == "update":
        settings |= {"optimizer": "sgd", "learning_rate": 3e38, "clip_norm": 0.0}


def error_from(origin):
    from pipelines.stages.train.heads import loop_head
    from pipelines.stages.train.loop import LoopSettings, TrainingRun
    from pipelines.stages.train.network import Network
    from pipelines.stages.train.optimizers import build_optimizer
    from pipelines.stages.train.steps import Recipe
    from pipelines.stages.train.validation import EpochValidation

    shards, validation = rows(), rows(1)
    settings = {"embedding_optimizer": "sgd", "global_batch_rows": 64, "clip_norm": 1.0}
    strategy, model = open_strategy(Devices("cpu", 1), seed=1), build()
    spoil(origin, model, shards, validation, settings)
    training = Training(**settings)
    optimizer = build_optimizer(training, 4, model.trainable_variables)
    network = Network(strategy, model, loop_head(Binary()), optimizer)

    def feed(day):
        names = tuple("abcd")
        return Feed(Shards((day,), np.array([0, ROWS]), names), 0, 64, 1)

    run = TrainingRun(
        network,
        Recipe(clip_norm=training.clip_norm),
        feed(shards),
        LoopSettings(epochs=2, checkpoint_every_s=1e9),
        NoCheckpoints(),
        Reporter("train case", lambda _event: None),
        lambda: False,
        EpochValidation("train case", network, feed(validation)),
    )
    try:
        run.train(Cursor())
    except TrainingError as error:
        return str(error)
    return "no error"


def main():
    logging.disable(logging.WARNING)
    import_tensorflow()
    for origin in json.loads(sys.argv[1]):
        reading, writing = os.pipe()
        if not os.fork():
            with os.fdopen(writing, "w") as file:
                json.dump({"origin": origin, "error": error_from(origin)}, file)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as file:
            print(file.read() or json.dumps({"origin": origin, "error": "it died"}), flush=True)
        os.wait()


if __name__ == "__main__":
    main()
