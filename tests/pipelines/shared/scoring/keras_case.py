"""Our NumPy forward pass beside Keras's own, for every activation, time and members; prints the differences.

Those of served calibrations too: TensorFlow is imported once.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipelines.shared.scoring.dense import ACTIVATIONS, is_plain, open_scorer
from pipelines.spec import Binary, Model, Survival
from pipelines.stages.evaluate.heads import evaluation_of
from pipelines.stages.train.devices import Devices, open_strategy
from tests.pipelines.shared.scoring.served_calibrations import (
    calibrations_apart,
    held_out_apart,
)


def main():
    open_strategy(Devices("cpu", 1), seed=3)
    from pipelines.stages.train.export import _write_weights
    from pipelines.stages.train.heads import predictions
    from pipelines.stages.train.networks import ModelInputs, build_model

    x = np.random.Generator(np.random.Philox(key=[1, 1])).normal(size=(500, 15)) * 3
    x, errors = x.astype(np.float32), {}
    plain, times = Model(hidden=(40, 20)), Survival((1.0, 2.0, 5.0))
    several, two = replace(plain, members=4), replace(times, competing=True)
    declared = {name: (replace(plain, activation=name), Binary()) for name in ACTIVATIONS}
    declared |= {"members": (several, Binary()), "times": (plain, times)}
    declared |= {"times of members": (several, times), "two events": (several, two)}
    for name, (network, head) in declared.items():
        model = build_model(network, ModelInputs(15), 2, head)
        out = Path(sys.argv[1]) / name
        out.mkdir()
        _write_weights(out / "weights", model)
        (out / "model.json").write_text(model.to_json())
        assert is_plain(out), name
        theirs = predictions(head, model({"x": x}, training=False))
        if isinstance(head, Binary):
            ours = {"score": open_scorer(out).score(x)}
        else:
            ours = evaluation_of(head).predict(out, {"x": x})
        assert ours.keys() == theirs.keys(), name
        errors[name] = max(float(np.abs(ours[n] - theirs[n].numpy()).max()) for n in ours)
    served = {"apart": calibrations_apart(5), "held_out": held_out_apart()}
    print(json.dumps({"errors": errors, "served": served}))


main()
