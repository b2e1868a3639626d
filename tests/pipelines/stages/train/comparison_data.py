"""The inputs of both loops: rows with a label for each head, networks, and initial weights."""

import numpy as np

from pipelines.spec import Builder, DeepCross, Model, Recurrent, Transformer
from pipelines.stages.train.shards import Shards
from tests.pipelines.stages.train.labels import HEADS

N_FEATURES = 6
IDS = 40
# Without dropout: two replicas draw their masks for half the rows each.
DECLARED = {
    "declared": Model(hidden=(16,), dropout=0.0, embedding_dim=3),
    "members": Model(hidden=(16,), members=3, dropout=0.0, embedding_dim=3),
    "two_layers": Model(hidden=(16, 8), dropout=0.0, activation="gelu"),
    "deep_cross": DeepCross(hidden=(16,), dropout=0.0),
    "low_rank": DeepCross(cross_layers=3, cross_rank=2, hidden=(16,), dropout=0.0),
    "recurrent": Recurrent(units=8, hidden=(16,), dropout=0.0),
    "transformer": Transformer(width=8, hidden=(16,), dropout=0.0),
    "builder": Builder("tests.pipelines.stages.train.own_network.build", (("units", 16),)),
}
SEQUENCES = ("recurrent", "transformer")


def rows_of(asked):
    """Two days of rows. ``rare``: few rows have the first id, and most steps none."""
    count = asked["rows"]
    draw = np.random.Generator(np.random.Philox(key=[9, 9]))
    ids = draw.integers(0, IDS, size=(count, N_FEATURES)).astype(np.int32)
    if asked.get("rare"):
        ids[20:] = np.maximum(ids[20:], 1)
    x = (ids / IDS).astype(np.float32)
    y = labels(asked.get("head", "binary"), ids[:, 0] + draw.normal(size=count) * 10)
    arrays = {"x": x, "ids": ids}
    if asked["kind"] in SEQUENCES:
        arrays["seq_visits"] = draw.normal(size=(count, 5, 2)).astype(np.float32)
        arrays["len_visits"] = (np.arange(count) % 6).astype(np.int32)
    arrays["y"] = y.astype(np.float32)
    half = count // 2
    cuts = (slice(half), slice(half, None))
    days = tuple({name: values[s] for name, values in arrays.items()} for s in cuts)
    return Shards(days, np.array([0, half, count]), tuple("abcdef"))


def labels(head, value):
    """A label of every kind, from numbers around 20."""
    if head == "binary":
        return value > 22
    if head == "multi_class":
        return np.digitize(value, [15, 25])
    if head == "ordinal":
        return np.digitize(value, [10, 20, 30])
    if head in {"squared", "huber"}:
        return 2.0 + value / 10
    # Halves of a day, so that cuts and the middles between them are hit; a third is censored.
    days = np.clip(np.round(np.abs(value) / 5), 1, 12) / 2
    ends = np.arange(len(days)) % 3
    signed = np.where(ends, days, -days)
    if head == "survival":
        return signed
    return np.stack([np.where(ends == 2, -days, signed), ends == 2], 1)


def whole(shards, rows):
    """Rows by plain indexing of the whole."""
    return {
        name: np.concatenate([day[name] for day in shards.days])[rows]
        for name in shards.days[0]
    }


def build(keras, asked):
    """The network of a case."""
    kind = asked["kind"]
    if kind in DECLARED:
        from pipelines.stages.train.networks import ModelInputs, SequenceInput, build_model

        sequences = (SequenceInput("visits", 5, 2),) if kind in SEQUENCES else ()
        inputs = ModelInputs(N_FEATURES, (IDS,) * N_FEATURES, sequences)
        return build_model(DECLARED[kind], inputs, 5, HEADS[asked.get("head", "binary")])
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


def use_floats(keras, kind):
    """Everything in floats of this kind."""
    keras.config.set_floatx(kind)
    keras.config.set_dtype_policy(kind)
