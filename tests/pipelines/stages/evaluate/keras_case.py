"""Our NumPy forward pass beside Keras's own, for every activation and for members; prints the differences."""

import json
import sys
from pathlib import Path

import numpy as np

from pipelines.spec import Binary, Model
from pipelines.stages.evaluate.scoring import ACTIVATIONS, is_plain, open_scorer
from pipelines.stages.train.devices import Devices, open_strategy


def main():
    open_strategy(Devices("cpu", 1), seed=3)
    from pipelines.stages.train.export import _write_weights
    from pipelines.stages.train.heads import predictions
    from pipelines.stages.train.networks import ModelInputs, build_model

    x = np.random.Generator(np.random.Philox(key=[1, 1])).normal(size=(500, 15)) * 3
    x, errors = x.astype(np.float32), {}
    declared = {name: Model(hidden=(40, 20), activation=name) for name in ACTIVATIONS}
    declared["members"] = Model(hidden=(40, 20), members=4)
    for name, each in declared.items():
        model = build_model(each, ModelInputs(15), seed=2)
        out = Path(sys.argv[1]) / name
        out.mkdir()
        _write_weights(out / "weights", model)
        (out / "model.json").write_text(model.to_json())
        assert is_plain(out), name
        theirs = predictions(Binary(), model({"x": x}, training=False))["score"].numpy()
        errors[name] = float(np.abs(open_scorer(out).score(x) - theirs).max())
    print(json.dumps(errors))


main()
