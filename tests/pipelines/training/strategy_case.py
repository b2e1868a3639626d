"""Cases of the loop, each in a process of its own, against a plain loop with dense gradients.

Called with a JSON list of cases; prints one JSON line for each: the largest weight difference,
whether the replicas' copies agree bit by bit, and what a loss that is not a number led to.
TensorFlow is imported once; each case is forked before it does anything.
"""

import json
import logging
import math
import os
import sys
import traceback

import numpy as np

from pipelines.errors import TrainingError
from pipelines.events import Reporter
from pipelines.spec import DeepCross, Recurrent, Training, Transformer
from pipelines.training.batches import Feed
from pipelines.training.cursor import Cursor
from pipelines.training.devices import Devices, open_strategy
from pipelines.training.shards import Shards

N_FEATURES = 6
IDS = 40
CLIP_NORM = 0.05  # small enough to bind in nearly every step
RATE = 1e-2
AT_ONCE = 2
# Without dropout: two replicas draw their masks for half the rows each.
DECLARED = {
    "deep_cross": DeepCross(hidden=(16,), dropout=0.0),
    "recurrent": Recurrent(units=8, hidden=(16,), dropout=0.0),
    "transformer": Transformer(width=8, hidden=(16,), dropout=0.0),
}
SEQUENCES = ("recurrent", "transformer")


def rows_of(count, kind="dense"):
    draw = np.random.Generator(np.random.Philox(key=[9, 9]))
    ids = draw.integers(0, IDS, size=(count, N_FEATURES)).astype(np.int32)
    x = (ids / IDS).astype(np.float32)
    y = (ids[:, 0] + draw.normal(size=count) * 10 > 22).astype(np.float32)
    half = count // 2
    arrays = {"x": x, "ids": ids}
    if kind in SEQUENCES:
        arrays["seq_visits"] = draw.normal(size=(count, 5, 2)).astype(np.float32)
        arrays["len_visits"] = (np.arange(count) % 6).astype(np.int32)
    arrays["y"] = y
    cuts = (slice(half), slice(half, None))
    days = tuple({name: values[s] for name, values in arrays.items()} for s in cuts)
    return Shards(days, np.array([0, half, count]), tuple("abcdef"))


def whole(shards, rows):
    """Rows by plain indexing of the whole."""
    return {
        name: np.concatenate([day[name] for day in shards.days])[rows]
        for name in shards.days[0]
    }


def build(keras, kind):
    if kind in DECLARED:
        from pipelines.training.networks import ModelInputs, Sequence, build_model

        sequences = (Sequence("visits", 5, 2),) if kind in SEQUENCES else ()
        inputs = ModelInputs(N_FEATURES, (IDS,) * N_FEATURES, sequences)
        return build_model(DECLARED[kind], inputs, 5)
    inputs = {
        "x": keras.Input((N_FEATURES,), name="x"),
        "ids": keras.Input((N_FEATURES,), dtype="int32", name="ids"),
    }
    if kind == "embedding":  # ids repeat within a batch, so its gradient has duplicate rows
        table = keras.layers.Embedding(IDS, 4, name="table")
        values = keras.layers.Flatten()(table(inputs["ids"]))
    else:
        values = inputs["x"]
    values = keras.layers.Dense(16, "relu", name="hidden")(values)
    return keras.Model(inputs, keras.layers.Dense(1, name="logit")(values))


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

    from pipelines.spec import Binary
    from pipelines.training.heads import loop_head
    from pipelines.training.loop import Course, Run
    from pipelines.training.network import Network
    from pipelines.training.optimizers import build_optimizer
    from pipelines.training.steps import LossScale, Recipe

    feed = Feed(
        shards,
        4,
        training.global_batch_rows,
        strategy.num_replicas_in_sync,
        training.micro_batches,
        class_weights=training.class_weights,
    )
    with strategy.scope():
        model = build(keras, asked["kind"])
        model.set_weights(start)
        optimizer = build_optimizer(training, feed.steps_per_epoch, model.trainable_variables)
        scale = LossScale() if training.precision == "float16" else None
    if scale and asked.get("first_scale"):
        scale.scale.assign(asked["first_scale"])
    run = Run(
        Network(strategy, model, loop_head(Binary(), training.focal_gamma), optimizer),
        Recipe(
            clip_norm=training.clip_norm,
            micro_batches=training.micro_batches,
            jit=training.jit,
        ),
        feed,
        Course(epochs=training.epochs, checkpoint_every_s=1e9),
        _NoCheckpoints(),
        Reporter("train case", lambda _event: None),
        lambda: False,
        loss_scale=scale,
    )
    cursor = run.train(Cursor())
    return model, cursor, float(scale.scale.numpy()) if scale else None


def rate_of(training, step, steps_per_epoch):
    """The declared schedule, written down once more in plain Python."""
    peak = training.learning_rate
    ratio = training.global_batch_rows / training.base_batch_rows
    peak *= {"none": 1, "linear": ratio, "sqrt": ratio**0.5}[training.rate_scaling]
    warm = round(training.warmup_epochs * steps_per_epoch)
    if step < warm:
        return peak * (step + 1) / warm
    done = (step - warm) / max(training.epochs * steps_per_epoch - warm, 1)
    low = training.final_rate_share
    return (
        peak
        * {
            "constant": 1.0,
            "linear": 1 - (1 - low) * done,
            "cosine": low + (1 - low) * (math.cos(math.pi * done) + 1) / 2,
            "step": training.step_factor
            ** ((step - warm) // (training.step_epochs * steps_per_epoch)),
        }[training.schedule]
    )


class _RowAdam:
    """Adam of the touched rows alone, in NumPy."""

    def __init__(self, table):
        self.table, self.m, self.v, self.t = table, 0 * table.numpy(), 0 * table.numpy(), 0

    def apply(self, gradient, rate):
        gradient, self.t = gradient.numpy(), self.t + 1
        touched = np.unique(np.nonzero(gradient)[0])
        g = gradient[touched]
        self.m[touched] += 0.1 * (g - self.m[touched])
        self.v[touched] += 0.001 * (g * g - self.v[touched])
        alpha = rate * math.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        values = self.table.numpy()
        values[touched] -= alpha * self.m[touched] / (np.sqrt(self.v[touched]) + 1e-7)
        self.table.assign(values)


class _Plain:
    """Keras's own optimisers, dense gradients, one set of variables each."""

    def __init__(self, keras, training, variables):
        made = keras.optimizers
        choices = {
            "sgd": lambda: made.SGD(RATE),
            "momentum": lambda: made.SGD(RATE, momentum=training.momentum),
            "adam": lambda: made.Adam(RATE),
            "adamw": lambda: made.AdamW(RATE, weight_decay=training.weight_decay),
            "lion": lambda: made.Lion(RATE, weight_decay=training.weight_decay),
            "adagrad": lambda: made.Adagrad(RATE),
        }
        own = training.embedding_optimizer
        self.tables = [n for n, v in enumerate(variables) if own and "embeddings" in v.path]
        self.rest = [n for n in range(len(variables)) if n not in self.tables]
        self.variables, self.training = variables, training
        self.optimizer = choices[training.optimizer]()
        self.optimizer.build([variables[n] for n in self.rest])
        if self.tables and own == "row_adam":
            self.table_optimizer = _RowAdam(variables[self.tables[0]])
        elif self.tables:
            self.table_optimizer = choices[own]()
            self.table_optimizer.build([variables[n] for n in self.tables])

    def apply(self, found, rate):
        self.optimizer.learning_rate = rate
        variables = self.variables
        self.optimizer.apply([found[n] for n in self.rest], [variables[n] for n in self.rest])
        if not self.tables:
            return
        own = self.training.embedding_learning_rate or self.training.learning_rate
        rate *= own / self.training.learning_rate
        if isinstance(self.table_optimizer, _RowAdam):
            self.table_optimizer.apply(found[self.tables[0]], rate)
            return
        self.table_optimizer.learning_rate = rate
        self.table_optimizer.apply(
            [found[n] for n in self.tables], [variables[n] for n in self.tables]
        )


def plain(asked, training, shards, start):
    """Eager, one device, whole batches, every gradient dense: no line shared with the loop."""
    import keras
    import tensorflow as tf

    if asked.get("reference"):
        use_floats(keras, asked["reference"])
    kind = keras.config.floatx()
    model = build(keras, asked["kind"])
    model.set_weights(start)
    optimizer = _Plain(keras, training, model.trainable_variables)
    batch_rows, step = training.global_batch_rows, 0
    steps_per_epoch = math.ceil(shards.rows / batch_rows)
    for epoch in range(training.epochs):
        order = np.random.Generator(np.random.Philox(key=[4, epoch])).permutation(shards.rows)
        for begin in range(0, shards.rows, batch_rows):
            taken = whole(shards, order[begin : begin + batch_rows])
            y = taken.pop("y").astype(kind)
            weight = np.ones(len(y), kind)
            if training.class_weights:
                weight = np.where(y == 1, training.class_weights[1], training.class_weights[0])
            with tf.GradientTape() as tape:
                logits = tf.cast(model(taken, training=True), kind)[:, 0]
                each = tf.nn.sigmoid_cross_entropy_with_logits(y, logits)
                if training.focal_gamma:
                    p = tf.sigmoid(logits)
                    each *= (y * (1 - p) + (1 - y) * p) ** training.focal_gamma
                loss = tf.reduce_sum(each * weight) / weight.sum()
            found = tape.gradient(loss, [v.value for v in model.trainable_variables])
            found = [tf.convert_to_tensor(g) for g in found]
            if training.clip_norm:
                found, _ = tf.clip_by_global_norm(found, training.clip_norm)
            optimizer.apply(found, rate_of(training, step, steps_per_epoch))
            step += 1
    return model


def use_floats(keras, kind):
    keras.config.set_floatx(kind)
    keras.config.set_dtype_policy(kind)


def copies_agree(model, replicas):
    if replicas == 1:
        return True
    values = [[part.numpy() for part in v.value.values] for v in model.trainable_variables]
    return all(np.array_equal(v[0], other) for v in values for other in v[1:])


def not_a_number(strategy, asked, training, start):
    shards = rows_of(300)
    shards.days[0]["x"][5, 2] = np.nan
    try:
        ours(strategy, asked | {"kind": "dense"}, training, shards, start)
    except TrainingError as error:
        return str(error)
    return "no error"


def told_of(asked):
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
    strategy = open_strategy(Devices("cpu", asked["replicas"]), seed=1)
    import keras

    if training.precision != "float32":
        keras.config.set_dtype_policy(f"mixed_{training.precision}")
    if asked.get("floats"):
        use_floats(keras, asked["floats"])
    shards = rows_of(asked["rows"], asked["kind"])
    start = build(keras, asked["kind"]).get_weights()
    model, cursor, scale = ours(strategy, asked, training, shards, start)
    other = plain(asked, training, shards, start)
    every = zip(model.weights, model.get_weights(), other.get_weights(), start, strict=True)
    without = asked.get("without") or "nothing"
    pairs = [weights for v, *weights in every if not v.path.endswith(without)]
    differences = [(np.abs(a - b).max(), np.abs(a - s).max()) for a, b, s in pairs]
    if asked.get("keep"):
        np.savez(asked["keep"], *(ours for ours, _, _ in pairs))
    told = {
        "difference": float(max(d for d, _ in differences)),
        "moved": float(max(m for _, m in differences)),
        "copies_agree": copies_agree(model, asked["replicas"]),
        "steps": cursor.step,
        "scale": scale,
    }
    if asked.get("nan"):
        told["nan"] = not_a_number(
            strategy, asked, training, build(keras, "dense").get_weights()
        )
    return told


def forked(asked):
    """Run a case in a child of its own; the pipe it will tell on."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        told = json.dumps(told_of(asked))
    except Exception:
        told = json.dumps({"error": traceback.format_exc()[-1500:]})
    os.write(writing, told.encode())
    os._exit(0)


def ended(child):
    pid, reading = child
    with os.fdopen(reading) as file:
        told = file.read()
    os.waitpid(pid, 0)
    print(told or json.dumps({"error": "the case died"}), flush=True)


def main():
    import tensorflow  # noqa: F401  imported once, forked with every case

    running = []
    for asked in json.loads(sys.argv[1]):
        running.append(forked(asked))
        if len(running) == AT_ONCE:
            ended(running.pop(0))
    for child in running:
        ended(child)


main()
