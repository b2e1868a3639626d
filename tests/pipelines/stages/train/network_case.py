"""Every declared network with every head, in a process; prints the results as JSON."""

import json
import logging
import os
import sys
from dataclasses import replace

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf

from pipelines.core.errors import ConfigError
from pipelines.spec import Builder, DeepCross, Model, outputs_of
from pipelines.stages.train.heads import predictions, row_loss
from pipelines.stages.train.networks import ModelInputs, SequenceInput, build_model
from tests.pipelines.stages.train.declared_networks import MODELS
from tests.pipelines.stages.train.labels import HEADS, LABELS

ROWS, STEPS = 24, 6
INPUTS = ModelInputs(5, (10, 7), (SequenceInput("visits", STEPS, 3),))


def rows():
    draw = np.random.Generator(np.random.Philox(key=[2, 7]))
    return {
        "x": draw.normal(size=(ROWS, 5)).astype(np.float32),
        "ids": np.stack([draw.integers(0, n, ROWS) for n in INPUTS.sizes], 1).astype(np.int32),
        "seq_visits": draw.normal(size=(ROWS, STEPS, 3)).astype(np.float32),
        "len_visits": (np.arange(ROWS) % (STEPS + 1)).astype(np.int32),
    }


def beyond_their_length(given):
    """The same rows with rubbish where no event is."""
    sequence = given["seq_visits"].copy()
    for row, length in zip(sequence, given["len_visits"], strict=True):
        row[length:] = 1e3
    return given | {"seq_visits": sequence}


def with_later_step_changed(given):
    """Rows of full length whose step before last differs."""
    sequence = given["seq_visits"].copy()
    sequence[:, STEPS - 2] += 1.0
    return given | {"seq_visits": sequence}


def apart(a, b):
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


def network(name, folder):
    model, given = build_model(MODELS[name], INPUTS, 3, HEADS["ordinal"]), rows()
    again = build_model(MODELS[name], INPUTS, 3, HEADS["ordinal"])
    other = build_model(MODELS[name], INPUTS, 4, HEADS["ordinal"])
    outputs = model(given).numpy()
    model.save(f"{folder}/{name}.keras")
    loaded = keras.models.load_model(f"{folder}/{name}.keras", safe_mode=True)
    changed = model(with_later_step_changed(given)).numpy()
    full = given["len_visits"] >= STEPS - 1
    return {
        "shape": list(outputs.shape),
        "same_seed": max(map(apart, model.get_weights(), again.get_weights())),
        "other_seed": max(map(apart, model.get_weights(), other.get_weights())),
        "same_names": [w.path for w in model.weights] == [w.path for w in again.weights],
        "file": apart(loaded(given), outputs),
        "rubbish": apart(model(beyond_their_length(given)), outputs),
        "later": apart(changed[full], outputs[full]),
        "earlier": apart(changed[~full], outputs[~full]),
        "finite": bool(np.isfinite(outputs).all()),
        "tables": sum("embeddings" in w.path.split("/")[0] for w in model.weights),
    }


def members():
    """How far several networks in one are from each of them alone, and the spread of their first weights."""
    apart_by_head, given = {}, {n: v for n, v in rows().items() if n in ("x", "ids")}
    for name, declared in HEADS.items():
        inputs, alone = ModelInputs(5, (10, 7)), Model(hidden=(8, 4), activation="tanh")
        several = build_model(replace(alone, members=3), inputs, 3, declared)
        single = build_model(alone, inputs, 3, declared)
        together = predictions(declared, several(given))
        found = []
        for member in range(3):
            single.set_weights([_of_member(w, member) for w in several.weights])
            found.append(predictions(declared, single(given)))
        means = {k: np.mean([each[k].numpy() for each in found], 0) for k in together}
        apart_by_head[name] = max(apart(means[k], together[k].numpy()) for k in means)
    wide = build_model(Model(hidden=(300,), members=4), ModelInputs(200), 3)
    kernel = wide.get_layer("hidden_0").kernel.numpy()
    return {
        "apart": apart_by_head,
        "deviation": kernel.std(axis=(1, 2)).tolist(),
        "glorot": float(np.sqrt(2 / (200 + 300))),
        "alike": float(np.corrcoef(kernel[0].ravel(), kernel[1].ravel())[0, 1]),
        "last": float(wide.get_layer("logit").kernel.numpy().std() / np.sqrt(2 / 301)),
    }


def _of_member(weight, member):
    values = weight.numpy()
    if weight.path.startswith("embeddings/"):
        return np.split(values, 3, axis=1)[member]
    return values[member : member + 1] if "thresholds" in weight.path else values[member]


def head(name):
    draw = np.random.Generator(np.random.Philox(key=[3, 7]))
    declared, y = HEADS[name], np.array(LABELS[name], np.float32)
    outputs = draw.normal(size=(len(y), outputs_of(declared))).astype(np.float32)
    predicted = predictions(declared, tf.constant(outputs))
    return {
        "outputs": outputs.tolist(),
        "losses": row_loss(declared)(tf.constant(outputs), tf.constant(y)).numpy().tolist(),
        "predictions": {k: v.numpy().tolist() for k, v in predicted.items()},
    }


def cross_layer():
    """Outputs of one cross layer, and the parts to compute them from by hand."""
    model = build_model(DeepCross(cross_layers=1, hidden=(2,)), ModelInputs(5), 3)
    inner = keras.Model(model.inputs, model.get_layer("crossed_0").output)
    layer, x = model.get_layer("cross_0"), rows()["x"]
    layer.bias.assign(np.arange(5, dtype=np.float32))
    by_hand = x * (x @ layer.kernel.numpy() + layer.bias.numpy()) + x
    return apart(inner({"x": x}), by_hand)


def refused(function):
    """The error of a user's network that cannot be trained exactly."""
    declared = Builder(f"tests.pipelines.stages.train.own_network.{function}")
    try:
        build_model(declared, INPUTS, 3)
    except ConfigError as error:
        return str(error)
    return "nothing"


def main():
    logging.disable(logging.WARNING)
    results = {
        "networks": {name: network(name, sys.argv[1]) for name in MODELS},
        "heads": {name: head(name) for name in HEADS},
        "cross_layer": cross_layer(),
        "members": members(),
        "refused": {name: refused(name) for name in ("with_batch_norm", "with_penalty")},
    }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
