"""The reference: eager, one device, whole batches, every gradient dense, no line of ours.

Losses are written with other functions than ours, a head's labels being turned into what was
seen in NumPy.
"""

import math

import numpy as np

from tests.pipelines.stages.train.comparison_data import build, use_floats, whole
from tests.pipelines.stages.train.labels import HEADS


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

    def apply(self, gradient, touched, rate):
        gradient, self.t = gradient.numpy(), self.t + 1
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
        made, rate = keras.optimizers, training.learning_rate
        choices = {
            "sgd": lambda: made.SGD(rate),
            "momentum": lambda: made.SGD(rate, momentum=training.momentum),
            "adam": lambda: made.Adam(rate),
            "adamw": lambda: made.AdamW(rate, weight_decay=training.weight_decay),
            "lion": lambda: made.Lion(rate, weight_decay=training.weight_decay),
            "adagrad": lambda: made.Adagrad(rate),
        }
        own = training.embedding_optimizer
        self.tables = [
            n
            for n, v in enumerate(variables)
            if own and "embeddings" in v.path and "thresholds" not in v.path
        ]
        self.rest = [n for n in range(len(variables)) if n not in self.tables]
        self.variables, self.training = variables, training
        self.optimizer = choices[training.optimizer]()
        self.optimizer.build([variables[n] for n in self.rest])
        self.by_rows = [_RowAdam(variables[n]) for n in self.tables if own == "row_adam"]
        if self.tables and not self.by_rows:
            self.table_optimizer = choices[own]()
            self.table_optimizer.build([variables[n] for n in self.tables])

    def apply(self, found, touched, rate):
        self.optimizer.learning_rate = rate
        variables = self.variables
        self.optimizer.apply([found[n] for n in self.rest], [variables[n] for n in self.rest])
        if not self.tables:
            return
        own = self.training.embedding_learning_rate or self.training.learning_rate
        rate *= own / self.training.learning_rate
        if self.by_rows:
            for table, n in zip(self.by_rows, self.tables, strict=True):
                table.apply(found[n], touched[n], rate)
            return
        self.table_optimizer.learning_rate = rate
        self.table_optimizer.apply(
            [found[n] for n in self.tables], [variables[n] for n in self.tables]
        )


def binary(tf, outputs, y, gamma):
    each = tf.nn.sigmoid_cross_entropy_with_logits(y, outputs[:, 0])
    if not gamma:
        return each
    p = tf.sigmoid(outputs[:, 0])
    return each * (y * (1 - p) + (1 - y) * p) ** gamma


def multi_class(tf, outputs, y):
    wanted = np.eye(outputs.shape[1])[y.astype(int)].astype(y.dtype)
    return -tf.reduce_sum(wanted * tf.nn.log_softmax(outputs), 1)


def regression(tf, outputs, y, head):
    import keras

    measure = {"squared": keras.losses.mean_squared_error, "huber": keras.losses.huber}
    return measure[head.loss](((y - head.center) / head.scale)[:, None], outputs)


def chances(tf, outputs, happened, survived):
    """Log-likelihood of what was seen, each ``(rows, outputs)``: it happened, or it did not."""
    seen = happened * tf.math.log_sigmoid(outputs) + survived * tf.math.log_sigmoid(-outputs)
    return -tf.reduce_sum(seen, 1)


def ordinal(tf, outputs, y):
    above = np.array([[grade > k for k in range(outputs.shape[1])] for grade in y], y.dtype)
    return chances(tf, outputs, above, 1 - above)


def survival(tf, outputs, y, cuts):
    happened, survived = np.zeros((2, len(y), len(cuts)), y.dtype)
    for row, label in enumerate(y):
        for k, (begin, end) in enumerate(zip((0.0, *cuts), cuts, strict=False)):
            if label > 0 and begin <= label < end:
                happened[row, k] = 1
            elif abs(label) >= (end if label > 0 else (begin + end) / 2):
                survived[row, k] = 1
    return chances(tf, outputs, happened, survived)


def competing(tf, outputs, y, cuts):
    """As if the event's and the other's outputs were one table of three logits an interval."""
    wanted = np.zeros((len(y), len(cuts), 3), y.dtype)
    for row, (label, other) in enumerate(y):
        for k, (begin, end) in enumerate(zip((0.0, *cuts), cuts, strict=False)):
            days, ended = abs(label), label > 0 or other == 1
            if ended and begin <= days < end:
                wanted[row, k, 2 if other else 1] = 1
            elif days >= (end if ended else (begin + end) / 2):
                wanted[row, k, 0] = 1
    three = [0 * outputs[:, : len(cuts)], outputs[:, : len(cuts)], outputs[:, len(cuts) :]]
    chance = tf.nn.log_softmax(tf.stack(three, 2))
    return -tf.reduce_sum(wanted * chance, [1, 2])


def losses(tf, name, outputs, y, gamma):
    """The loss of each row, by head."""
    head = HEADS[name]
    if name == "binary":
        return binary(tf, outputs, y, gamma)
    if name == "survival":
        return survival(tf, outputs, y, head.cuts_days)
    if name == "competing":
        return competing(tf, outputs, y, head.cuts_days)
    if name in {"squared", "huber"}:
        return regression(tf, outputs, y, head)
    return {"multi_class": multi_class, "ordinal": ordinal}[name](tf, outputs, y)


def plain(asked, training, shards, start):
    """The model of a case after the declared epochs."""
    import keras
    import tensorflow as tf

    if asked.get("reference"):
        use_floats(keras, asked["reference"])
    kind, name = keras.config.floatx(), asked.get("head", "binary")
    model = build(keras, asked)
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
                weight = np.array([training.class_weights[int(label)] for label in y], kind)
            with tf.GradientTape() as tape:
                outputs = tf.cast(model(taken, training=True), kind)
                parts = tf.unstack(outputs, axis=1) if len(outputs.shape) == 3 else [outputs]
                found = [losses(tf, name, part, y, training.focal_gamma) for part in parts]
                each = sum(found) / len(found)
                loss = tf.reduce_sum(each * weight) / weight.sum()
            found = tape.gradient(loss, [v.value for v in model.trainable_variables])
            # Rows of the batch, those included whose gradients add up to nothing.
            touched = {
                n: np.unique(g.indices) for n, g in enumerate(found) if hasattr(g, "indices")
            }
            found = [tf.convert_to_tensor(g) for g in found]
            if training.clip_norm:
                found, _ = tf.clip_by_global_norm(found, training.clip_norm)
            optimizer.apply(found, touched, rate_of(training, step, steps_per_epoch))
            step += 1
    return model
