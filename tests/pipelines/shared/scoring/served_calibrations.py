"""The calibration of the served graph beside NumPy's, for drawn calibrations and scores, and scores of held-out rows."""

import tempfile
from pathlib import Path

import numpy as np

from pipelines.shared.scoring.decision import Calibration
from pipelines.shared.scoring.dense import open_scorer
from pipelines.spec import Binary, Model
from tests.pipelines.stages.train.small_training import drawing, shards_of


def drawn(draw, kind):
    if kind == "none":
        return Calibration()
    if kind == "platt":
        return Calibration(
            kind, slope=float(draw.lognormal(0, 1)), intercept=float(draw.normal())
        )
    count = int(draw.integers(2, 40))
    x = np.unique(draw.beta(0.3, 3, count + 2).astype(np.float32).astype(float))
    y = np.sort(draw.beta(0.5, 3, len(x)))
    y[1::3] = y[:-1:3][: len(y[1::3])]  # plateaus
    return Calibration(kind, x=tuple(x.tolist()), y=tuple(np.maximum.accumulate(y).tolist()))


def ulps(ours, theirs):
    """Numbers of float32 between two arrays."""
    return int(np.abs(ours.view(np.int32).astype(int) - theirs.view(np.int32)).max())


def calibrations_apart(count):
    """The most digits of a float32 that the probabilities of each kind are apart."""
    import tensorflow as tf

    from pipelines.stages.train.served_probability import served_probability

    apart = {}
    for kind in ("none", "platt", "isotonic"):
        draw, most = drawing(3, len(kind)), 0
        for _ in range(count):
            calibration = drawn(draw, kind)
            score = draw.beta(0.3, 3, 500).astype(np.float32)
            edges = np.array([0, 1, 1e-30, 1 - 6e-8, *calibration.x], np.float32)
            score = np.concatenate([score, edges])
            served = tf.function(lambda s, c=calibration: served_probability(c, s))
            theirs = served(tf.constant(score)).numpy()
            most = max(most, ulps(calibration.probability(score), theirs))
        apart[kind] = most
    return apart


def held_out_apart():
    """How far scores of days of more and of fewer rows than a chunk, are from those of the network in NumPy."""
    from pipelines.stages.train.export import _write_weights
    from pipelines.stages.train.held_out_scores import CHUNK_ROWS, scores_of
    from pipelines.stages.train.networks import ModelInputs, build_model

    x = drawing(5, 1).normal(size=(CHUNK_ROWS * 2 + 70, 3)).astype(np.float32)
    shards = shards_of(np.zeros(len(x), np.float32), x, days=2)
    model = build_model(Model(hidden=(4,)), ModelInputs(3), 2, Binary())
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        _write_weights(out / "weights", model)
        (out / "model.json").write_text(model.to_json())
        ours = open_scorer(out).score(x)
    return float(np.abs(scores_of(model, Binary(), shards) - ours).max())
