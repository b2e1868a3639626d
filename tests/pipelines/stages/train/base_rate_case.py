"""Heads at their base rate, and what a few epochs make of them, in a process; prints JSON.

Called with JSON: ``root``, an empty store.
"""

import dataclasses
import itertools
import json
import logging
import sys
from pathlib import Path

import numpy as np

from pipelines.spec import Model, Survival
from tests.pipelines.made_models import FRAUD, done, publish_training_set
from tests.pipelines.stages.train.declared_networks import MODELS
from tests.pipelines.stages.train.labels import HEADS, LABELS
from tests.pipelines.stages.train.small_training import drawing, shards_of, trained
from tests.pipelines.stages.train.times import CUTS, concordance_of, times, two_events
from tests.pipelines.stages.train.train_process import import_tensorflow

ROWS, WIDTH = 1200, 4
WEIGHTS = {
    "binary": (0.5, 3.0),
    "multi_class": (1.0, 0.5, 3.0),
    "ordinal": (1.0, 2.0, 3.0, 4.0),
}


def labels_of(name):
    """Labels of a head in uneven shares, that no input predicts."""
    known = np.array(LABELS[name], np.float32)
    share = drawing(4, 4).dirichlet(np.ones(len(known)))
    return known[drawing(4, 5).choice(len(known), ROWS, p=share)]


def inputs_of(rows):
    return drawing(4, 6).normal(size=(rows, WIDTH)).astype(np.float32)


def rate(name, days=1, **given):
    """Where training starts, for labels of a head's own or given ones."""
    from pipelines.stages.train.base_rate import base_rate
    from pipelines.stages.train.heads import training_of

    y = given["y"] if "y" in given else labels_of(name)
    head = training_of(given.get("head") or HEADS[name], given.get("focal", 0.0))
    shards = shards_of(y, inputs_of(len(y)), days)
    if "w" in given:
        shards.days[0]["w"] = np.array(given["w"], np.float32)
    return base_rate(head, shards, given.get("weights", ())).tolist()


def slope(name, at, focal=0.0, weights=()):
    """How steep the mean loss of the rows is in each of these outputs: 0 where they are the best."""
    import tensorflow as tf

    from pipelines.stages.train.heads import row_loss

    y = labels_of(name)
    weight = np.array(weights)[y.astype(int)] if weights else np.ones(len(y))
    outputs = tf.constant(np.array([at], np.float32))
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        each = row_loss(HEADS[name], focal)(tf.repeat(outputs, len(y), 0), tf.constant(y))
        loss = tf.reduce_sum(each * weight.astype(np.float32)) / weight.sum()
    return float(np.abs(tape.gradient(loss, outputs).numpy()).max())


def of_head(name):
    shards, weights = shards_of(labels_of(name), inputs_of(ROWS), 3), WEIGHTS.get(name, ())
    losses, _ = trained(HEADS[name], shards, inputs_of(2), epochs=1, global_batch_rows=100)
    weighed = rate(name, weights=weights)
    return {
        "labels": labels_of(name).tolist(),
        "start": rate(name),
        "of_three_days": rate(name, days=3),
        "slope": slope(name, rate(name)),
        "slope_weighed": slope(name, weighed, weights=weights),
        "first_loss": losses[0],
    }


def of_network(name):
    """How far each start is from the bias that a network of each kind has then."""
    from pipelines.stages.train.base_rate import base_rate, start_at_base_rate
    from pipelines.stages.train.heads import training_of
    from pipelines.stages.train.networks import ModelInputs, SequenceInput, build_model

    inputs = ModelInputs(5, (10, 7), (SequenceInput("visits", 6, 3),))
    found = {}
    for kind in ("binary", "ordinal"):
        head = training_of(HEADS[kind])
        shards = shards_of(labels_of(kind), inputs_of(ROWS))
        model = build_model(MODELS[name], inputs, 3, HEADS[kind])
        start_at_base_rate(model, head, shards)
        last = "logit/bias" if kind == "binary" else "thresholds/embeddings"
        bias = next(w.numpy() for w in model.weights if w.path.endswith(last))
        found[kind] = float(np.abs(bias - base_rate(head, shards)).max())  # of every member
    return found


def of_odd_labels():
    """Starts where a label does not occur, weighs nothing, or where no row is at risk."""
    competing = Survival(CUTS, competing=True)
    late = np.stack([np.full(50, -9e9), np.zeros(50)], 1).astype(np.float32)
    early = np.array([0.1, -0.2, 0.3, -0.4] * 5, np.float32)
    return {
        "no event": rate("binary", y=np.zeros(9, np.float32)),
        "events alone": rate("binary", y=np.ones(9, np.float32)),
        "events alone, focal": rate("binary", y=np.ones(9, np.float32), focal=2.0),
        "one class": rate("multi_class", y=np.full(9, 2, np.float32)),
        "nothing weighs": rate("multi_class", weights=(0.0, 0.0, 0.0)),
        "one grade": rate("ordinal", y=np.zeros(9, np.float32)),
        "weighed rows": rate("binary", y=np.float32([1, 1, 0, 0]), w=[1, 0.5, 2, 2.5]),
        "both weighed": rate(
            "binary", y=np.float32([1, 1, 0, 0]), w=[1, 0.5, 2, 2.5], weights=(1.0, 6.0)
        ),
        "far outliers": rate("huber", y=np.float32([1.0, 2.0, 3.0, 3e38, -3e38])),
        "far amounts": rate("squared", y=np.float32([3e38, 3e38, 3e38])),
        "beyond the last cut": rate("", y=late, head=competing),
        "before the first cut": rate("", y=early, head=Survival(CUTS)),
    }


def of_times():
    """Concordance and survival at the last cut, from both starts, of 15 epochs."""
    x, y, _ = times(4000, 5)
    other, seen, risk = times(4000, 6)
    found = {"best": concordance_of(seen, risk), "labels": y.tolist()}
    for name, base in (("zeros", False), ("base_rate", True)):
        _, given = trained(Survival(CUTS), shards_of(y, x), other, base_rate=base, epochs=15)
        found[name] = concordance_of(seen, given["score"])
        found[f"{name}_survival"] = given["survival"].mean(axis=0).tolist()
    return found


def of_two_events():
    """Cumulative incidences of a network that reads nothing, from zeros and from the base rate."""
    y, x = two_events(20_000, 7), np.zeros((20_000, 1), np.float32)
    head = Survival(CUTS, competing=True)
    found = {"labels": y.tolist()}
    for name, base in (("zeros", False), ("base_rate", True)):
        _, given = trained(
            head,
            shards_of(y, x),
            x[:1],
            base_rate=base,
            model=Model(hidden=()),
            epochs=5,
            learning_rate=0.1,
            schedule="cosine",
        )
        found[name] = [(1 - given["survival"][0]).tolist(), given["competing"][0].tolist()]
    return found


def of_far_outputs():
    """Losses and their slopes of outputs as far from 0 as a network before it fails has them."""
    import tensorflow as tf

    from pipelines.stages.train.heads import row_loss

    y, head = np.array(LABELS["competing"], np.float32), HEADS["competing"]
    finite = []
    for far in (0.0, 1e2, 1e4, 1e30):
        for signs in itertools.product((-far, far), repeat=2):
            outputs = tf.constant(np.tile(np.repeat(signs, 3), (len(y), 1)).astype(np.float32))
            with tf.GradientTape() as tape:
                tape.watch(outputs)
                each = row_loss(head)(outputs, tf.constant(y))
            both = each.numpy(), tape.gradient(each, outputs).numpy()
            finite.append(all(bool(np.isfinite(values).all()) for values in both))
    return finite


def of_stage(root):
    """What ``train`` publishes of a model with members and a competing event, and what its graph serves."""
    from pipelines.shared.scoring.graph import open_graph
    from pipelines.shared.scoring.served import matrices

    pipeline = dataclasses.replace(
        FRAUD,
        head=Survival((1.0, 2.0, 5.0), competing=True),
        model=Model(hidden=(16,), members=2),
        training=dataclasses.replace(FRAUD.training, epochs=3, global_batch_rows=64),
    )
    made = itertools.count(1)

    def two(_day, x, _y):
        y = two_events(len(x), next(made))
        return (y * np.float32([1e-3, 1.0])) * np.exp(-x[:, :1] * [[1, 0]]).astype(np.float32)

    publish_training_set(root, rows=60, pipeline=pipeline, spoil=two)
    result = done("train", root, pipeline=pipeline, options={"track": False})
    folder = next(Path(root).glob("fraud_detection/models/*/*/*/golden.json")).parent
    golden = json.loads((folder / "golden.json").read_text())
    rows = {name: np.array(values, np.float64) for name, values in golden["rows"].items()}
    stored, graph = (
        matrices({name: np.array(values) for name, values in golden["predictions"].items()}),
        open_graph(folder),
    )
    served = matrices(
        graph.of_rows({n: rows[n].astype(_KINDS[k]) for n, k in graph.columns.items()})
    )
    return {
        "names": sorted(golden["predictions"]),
        "about": json.loads((folder / "millrace.json").read_text())["outputs"],
        "apart": {n: float(np.abs(served[n] - stored[n]).max()) for n in stored},
        "left": float((served["survival"] - served["competing"]).min()),
        "falls": bool((np.diff(served["survival"], axis=1) <= 0).all()),
        "loss": result["metrics"]["loss"],
    }


_KINDS = {"number": np.float64, "integer": np.int64}


def main():
    logging.disable(logging.WARNING)
    import_tensorflow()
    focal = {gamma: rate("binary", focal=gamma) for gamma in (0.5, 2.0)}
    results = {
        "heads": {name: of_head(name) for name in HEADS},
        "networks": {name: of_network(name) for name in MODELS},
        "focal": {g: [*at, slope("binary", at, focal=g)] for g, at in focal.items()},
        "odd": of_odd_labels(),
        "times": of_times(),
        "two_events": of_two_events(),
        "far": of_far_outputs(),
        "stage": of_stage(json.loads(sys.argv[1])["root"]),
    }
    print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main()
