"""Export a graph of a number, a word and a block of events, and score its rows through MLflow."""

import json
import sys
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import tensorflow as tf

from pipelines.stages.train.mlflow_model import write_mlflow_model
from pipelines.stages.train.serving import write_golden

STEPS = 2
SPECS = {
    "amount": tf.TensorSpec((None,), tf.float64, name="amount"),
    "word": tf.TensorSpec((None,), tf.string, name="word"),
    "events": tf.TensorSpec((None, STEPS), tf.float32, name="events"),
}
# NaN is an unknown number, an empty word an unknown one; so ``golden.json`` has nulls.
ROWS = {
    "amount": np.array([0.0, np.nan]),
    "word": np.array(["a", ""], object),
    "events": np.array([[0.25, np.nan], [0.5, 1.0]], np.float32),
}


class Served(tf.Module):
    @tf.function(input_signature=list(SPECS.values()))
    def of_rows(self, amount, word, events):
        known, own = (
            tf.where(tf.math.is_nan(v), tf.zeros_like(v), v) for v in (amount, events)
        )
        numbers = tf.cast(known, tf.float32) + tf.reduce_sum(own, axis=1)
        return {"score": numbers + 10 * tf.cast(word == "", tf.float32)}


def main(folder):
    served = Served()
    signatures = {"serving_default": served.of_rows}
    tf.saved_model.save(served, str(folder / "saved_model"), signatures=signatures)
    write_golden(
        folder / "golden.json",
        ROWS,
        {"x": np.zeros(2)},
        {"arrays": lambda x: expected_predictions()},
    )
    model = folder / "mlflow_model"
    write_mlflow_model(model, folder / "saved_model", SPECS, ("score",), {})
    loaded = mlflow.pyfunc.load_model(str(model))
    table = pd.DataFrame(ROWS | {"events": list(ROWS["events"])})
    inputs = {c.name: str(c.type) for c in loaded.metadata.signature.inputs}
    print(json.dumps({"inputs": inputs, "scores": loaded.predict(table)["score"].tolist()}))


def expected_predictions():
    return {"score": tf.constant([0.25, 11.5])}


main(Path(sys.argv[1]))
