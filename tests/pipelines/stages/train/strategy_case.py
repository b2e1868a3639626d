"""Cases of the loop, each in a process of its own, against a plain loop with dense gradients.

Called with a JSON list of cases; prints one JSON line for each: the largest weight difference,
whether the replicas' copies agree bit by bit, and the error of a non-finite loss.
TensorFlow is imported once; each case is forked before it does anything.
"""

import json
import logging
import os
import sys
import time
import traceback

import numpy as np

from pipelines.core import events
from pipelines.core.errors import TrainingError
from pipelines.core.events import Reporter
from pipelines.spec import Training
from pipelines.stages.train.batches import Feed
from pipelines.stages.train.cursor import Cursor
from pipelines.stages.train.devices import Devices, open_strategy
from tests.pipelines.stages.train.comparison_data import DECLARED, build, rows_of, use_floats
from tests.pipelines.stages.train.labels import HEADS
from tests.pipelines.stages.train.plain_loop import plain
from tests.pipelines.stages.train.train_process import import_tensorflow

CLIP_NORM = 0.05  # small enough to bind in nearly every step
RATE = 1e-2
AT_ONCE = 2


class _NoCheckpoints:
    def mark(self, step):
        pass

    def save(self, cursor):
        pass

    def wait(self):
        pass

    def last_finite(self):
        return "none yet"


def ours(strategy, asked, training, shards, start):
    import keras

    from pipelines.stages.train.heads import loop_head
    from pipelines.stages.train.loop import LoopSettings, TrainingRun
    from pipelines.stages.train.network import Network
    from pipelines.stages.train.optimizers import build_optimizer
    from pipelines.stages.train.steps import LossScale, Recipe

    feed = Feed(
        shards,
        4,
        training.global_batch_rows,
        strategy.num_replicas_in_sync,
        training.micro_batches,
        training.pool_mb << 20,
        class_weights=training.class_weights,
    )
    with strategy.scope():
        model = build(keras, asked)
        model.set_weights(start)
    if asked["kind"] in DECLARED:
        at_base_rate(model, asked, training, shards)
    with strategy.scope():
        optimizer = build_optimizer(training, feed.steps_per_epoch, model.trainable_variables)
        scale = LossScale() if training.precision == "float16" else None
    if scale and asked.get("first_scale"):
        scale.scale.assign(asked["first_scale"])
    head = loop_head(HEADS[asked.get("head", "binary")], training.focal_gamma)
    run = TrainingRun(
        Network(strategy, model, head, optimizer),
        Recipe(
            clip_norm=training.clip_norm,
            micro_batches=training.micro_batches,
            jit=training.jit,
        ),
        feed,
        LoopSettings(epochs=training.epochs, checkpoint_every_s=1e9),
        _NoCheckpoints(),
        Reporter("train case", lambda event: noted(asked, event)),
        lambda: False,
        loss_scale=scale,
    )
    asked["began"] = time.monotonic()
    cursor = run.train(Cursor())
    return model, cursor, float(scale.scale.numpy()) if scale else None


def at_base_rate(model, asked, training, shards):
    """Start a model of one device or of several where training starts."""
    from pipelines.stages.train.base_rate import start_at_base_rate
    from pipelines.stages.train.heads import training_of

    head = training_of(HEADS[asked.get("head", "binary")], training.focal_gamma)
    start_at_base_rate(model, head, shards, training.class_weights)


def noted(asked, event):
    """Record the progress events of a case that requests them, with their times."""
    if event["event"] == "progress" and "progress" in asked:
        since = time.monotonic() - asked["began"]
        asked["progress"].append([since, event["done"], event["per_s"]])


def copies_agree(model, replicas):
    if replicas == 1:
        return True
    values = [[part.numpy() for part in v.value.values] for v in model.trainable_variables]
    return all(np.array_equal(v[0], other) for v in values for other in v[1:])


def not_a_number(strategy, asked, training):
    import keras

    asked = asked | {"kind": "dense", "rows": 300}
    shards = rows_of(asked)
    shards.days[0]["x"][5, 2] = np.nan
    try:
        ours(strategy, asked, training, shards, build(keras, asked).get_weights())
    except TrainingError as error:
        return str(error)
    return "no error"


def result_of(asked):
    training = Training(
        **{
            "epochs": 1,
            "global_batch_rows": 64,
            "base_batch_rows": 64,
            "learning_rate": RATE,
            "clip_norm": CLIP_NORM,
            **asked.get("training", {}),
        }
    )
    logging.disable(logging.WARNING)
    if "progress" in asked:
        events.PROGRESS_INTERVAL_S = 0.0
    strategy = open_strategy(Devices("cpu", asked["replicas"]), seed=1)
    import keras

    if training.precision != "float32":
        keras.config.set_dtype_policy(f"mixed_{training.precision}")
    if asked.get("floats"):
        use_floats(keras, asked["floats"])
    shards = rows_of(asked)
    start = build(keras, asked).get_weights()
    model, cursor, scale = ours(strategy, asked, training, shards, start)
    if asked["kind"] in DECLARED:
        alone = build(keras, asked)
        at_base_rate(alone, asked, training, shards)
        start = alone.get_weights()
    found, other = model.get_weights(), start
    if not asked.get("alone"):
        other = plain(asked, training, shards, start).get_weights()
    every = zip(model.weights, found, other, start, strict=True)
    without = asked.get("without") or "nothing"
    pairs = {v.path: weights for v, *weights in every if not v.path.endswith(without)}
    if asked.get("keep"):
        np.savez(asked["keep"], *(ours for ours, _, _ in pairs.values()))
    differences = {path: float(np.abs(a - b).max()) for path, (a, b, _) in pairs.items()}
    result = {
        "difference": max(differences.values()),
        "where": max(differences, key=differences.get),
        "moved": float(max(np.abs(a - s).max() for a, _, s in pairs.values())),
        "copies_agree": copies_agree(model, asked["replicas"]),
        "steps": cursor.step,
        "scale": scale,
        "progress": asked.get("progress"),
    }
    if asked.get("nan"):
        result["nan"] = not_a_number(strategy, asked, training)
    return result


def forked(asked):
    """Run a case in a child process; its id and the pipe of its result."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        result = json.dumps(result_of(asked))
    except Exception:
        result = json.dumps({"error": traceback.format_exc()[-1500:]})
    os.write(writing, result.encode())
    os._exit(0)


def ended(child):
    pid, reading = child
    with os.fdopen(reading) as file:
        result = file.read()
    os.waitpid(pid, 0)
    print(result or json.dumps({"error": "the case died"}), flush=True)


def main():
    import_tensorflow()  # once, forked with every case
    running = []
    for asked in json.loads(sys.argv[1]):
        running.append(forked(asked))
        if len(running) == AT_ONCE:
            ended(running.pop(0))
    for child in running:
        ended(child)


if __name__ == "__main__":
    main()
