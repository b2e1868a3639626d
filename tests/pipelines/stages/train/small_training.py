"""A training of a small network in this process, without stage or checkpoints."""

import itertools

import numpy as np

from pipelines.core.events import Reporter
from pipelines.spec import Model, Training
from pipelines.stages.train.shards import Shards


def drawing(*key):
    return np.random.Generator(np.random.Philox(key=list(key)))


def shards_of(y, x, days=1):
    cuts = np.linspace(0, len(y), days + 1).astype(int)
    parts = tuple({"x": x[a:b], "y": y[a:b]} for a, b in itertools.pairwise(cuts))
    return Shards(parts, cuts, tuple(f"f{n}" for n in range(x.shape[1])))


class _NoCheckpoints:
    def mark(self, step):
        pass

    def save(self, cursor):
        pass

    def wait(self):
        pass

    def last_finite(self):
        return "none yet"


def trained(head, shards, at, *, base_rate=True, model=None, **training):
    """Losses of the epochs of a small network, and its predictions of other rows."""
    import tensorflow as tf

    from pipelines.stages.train.base_rate import start_at_base_rate
    from pipelines.stages.train.batches import Feed
    from pipelines.stages.train.cursor import Cursor
    from pipelines.stages.train.heads import loop_head, predictions, training_of
    from pipelines.stages.train.loop import LoopSettings, TrainingRun
    from pipelines.stages.train.network import Network
    from pipelines.stages.train.networks import ModelInputs, build_model
    from pipelines.stages.train.optimizers import build_optimizer
    from pipelines.stages.train.steps import Recipe

    asked = Training(**training)
    inputs = ModelInputs(shards.days[0]["x"].shape[1])
    built = build_model(model or Model(hidden=(64,)), inputs, 1, head)
    if base_rate:
        start_at_base_rate(
            built, training_of(head, asked.focal_gamma), shards, asked.class_weights
        )
    feed = Feed(shards, 1, asked.global_batch_rows, 1, class_weights=asked.class_weights)
    optimizer = build_optimizer(asked, feed.steps_per_epoch, built.trainable_variables)
    here = tf.distribute.get_strategy()
    run = TrainingRun(
        network=Network(here, built, loop_head(head, asked.focal_gamma), optimizer),
        recipe=Recipe(),
        feed=feed,
        settings=LoopSettings(epochs=asked.epochs, checkpoint_every_s=1e9),
        checkpoints=_NoCheckpoints(),
        report=Reporter("base rate", lambda _event: None),
        stopping=lambda: False,
    )
    losses = list(run.train(Cursor()).losses)
    given = predictions(head, built({"x": at}))
    return losses, {name: values.numpy() for name, values in given.items()}
