"""Our NumPy forward pass beside Keras's own, for every activation; prints the differences."""

import json
import sys
from pathlib import Path

import numpy as np

from pipelines.spec import Model
from pipelines.stages.evaluate.scoring import ACTIVATIONS, open_scorer
from pipelines.stages.train.devices import Devices, open_strategy


def main():
    open_strategy(Devices("cpu", 1), seed=3)
    import tensorflow as tf

    from pipelines.stages.train.export import _write_weights
    from pipelines.stages.train.networks import ModelInputs, build_model

    x = np.random.Generator(np.random.Philox(key=[1, 1])).normal(size=(500, 15)) * 3
    x, errors = x.astype(np.float32), {}
    for name in ACTIVATIONS:
        model = build_model(
            Model(hidden=(40, 20), dropout=0.2, activation=name), ModelInputs(15), seed=2
        )
        out = Path(sys.argv[1]) / name
        out.mkdir()
        _write_weights(out / "weights", model)
        (out / "model.json").write_text(model.to_json())
        theirs = tf.sigmoid(model({"x": x}, training=False)[:, 0]).numpy()
        errors[name] = float(np.abs(open_scorer(out).score(x) - theirs).max())
    print(json.dumps(errors))


main()
