"""The training loop: gradients on every replica, reduced, clipped, applied once.

Why: under a strategy ``model.fit`` clips before the reduction and weighs uneven batches wrongly,
    and its loss shows neither.
Promise: a step equals the same step on one device, to rounding, however the rows divide; many
    steps run in one compiled function, traced once; the run can end after any step.
Not here: which rows (``batches.py``), what is kept of a killed run (``checkpoints.py``).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.errors import StageStoppedError, TrainingError
from pipelines.events import Reporter
from pipelines.training.batches import Block, Cursor, Feed
from pipelines.training.checkpoints import Checkpoints

# Between two looks at the stop flag: far below the 4 seconds that a stop may take.
CALL_S = 0.5


@dataclass(frozen=True, slots=True)
class Network:
    """What is trained, all made in the strategy's scope.

    Attributes:
        strategy: Where it lives.
        model: Keras model with one logit.
        optimizer: Keras optimiser, built for the model's trainable variables.
    """

    strategy: Any
    model: Any
    optimizer: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long to train and how often to save.

    Attributes:
        epochs: Passes over the rows.
        clip_norm: Global gradient norm above which a step is scaled down.
        checkpoint_every_s: Seconds between checkpoints.
    """

    epochs: int
    clip_norm: float
    checkpoint_every_s: float


def merged(gradient: Any) -> Any:
    """One row for each distinct id of a sparse gradient.

    Keras squares the slices of a gradient before duplicates are added up, which makes Adam wrong,
    and scattered updates with duplicates depend on the order of threads.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, place = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, place, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def compiled_steps(network: Network, clip_norm: float) -> Callable[..., Any]:
    """A function ``(x, y, weight, first, count) -> losses`` that does ``count`` steps.

    ``x``, ``y`` and ``weight`` hold a block's pieces on each replica; ``first`` and ``count`` are
    tensors, because each Python value would be traced anew. To be called outside the strategy's
    scope: inside it Keras looks for a replica to merge the update from.
    """
    strategy, model, optimizer = network.strategy, network.model, network.optimizer
    variables = model.trainable_variables

    def gradients(x: Any, y: Any, weight: Any, step: Any) -> Any:
        context = tf.distribute.get_replica_context()
        total = context.all_reduce("SUM", tf.reduce_sum(weight[step]))
        with tf.GradientTape() as tape:
            logits = model(x[step], training=True)[:, 0]
            each = tf.nn.sigmoid_cross_entropy_with_logits(labels=y[step], logits=logits)
            loss = tf.reduce_sum(each * weight[step]) / total
        return loss, tape.gradient(loss, [v.value for v in variables])

    def one_step(x: Any, y: Any, weight: Any, step: Any) -> Any:
        loss, found = strategy.run(gradients, args=(x, y, weight, step))
        found = [merged(strategy.reduce("SUM", g, axis=None)) for g in found]
        found, _ = tf.clip_by_global_norm(found, clip_norm)
        # Outside the replicas, so the optimiser does not reduce a second time.
        optimizer.apply(found, variables)
        return strategy.reduce("SUM", loss, axis=None)

    @tf.function
    def steps(x: Any, y: Any, weight: Any, first: Any, count: Any) -> Any:
        losses = tf.TensorArray(tf.float32, size=count)
        for n in tf.range(count):
            losses = losses.write(n, one_step(x, y, weight, first + n))
        return losses.stack()

    return steps


def train(
    network: Network,
    feed: Feed,
    course: Course,
    checkpoints: Checkpoints,
    start: Cursor,
    report: Reporter,
    stopping: Callable[[], bool],
) -> Cursor:
    """Train from the cursor to the last epoch's end.

    Raises:
        TrainingError: The loss of a step is not a number; says which step.
        StageStoppedError: ``stopping`` said so; a checkpoint was written first.
    """
    steps, cursor = compiled_steps(network, course.clip_norm), start
    progress = _Progress(report, feed, course.epochs, start)
    saved_at, per_call = time.monotonic(), 1
    for block in feed.blocks(start, course.epochs):
        pieces = _on_replicas(network.strategy, block)
        first = 0
        while first < len(block.rows):
            count, began = min(per_call, len(block.rows) - first), time.monotonic()
            losses = steps(*pieces, tf.constant(first), tf.constant(count)).numpy()
            cursor = _advanced(
                cursor, losses, block.rows[first : first + count], feed.shards.rows
            )
            checkpoints.mark(cursor.step)
            progress.tell(cursor, float(losses[-1]))
            now, first = time.monotonic(), first + count
            per_call = _next_count(per_call, count, now - began)
            if stopping():
                checkpoints.save(cursor)
                raise StageStoppedError(
                    f"{report.work}: stopped after step {cursor.step}; a checkpoint is kept and the "
                    f"next try goes on from there"
                )
            if now - saved_at >= course.checkpoint_every_s:
                checkpoints.save(cursor)
                saved_at = time.monotonic()
    return cursor


def _next_count(per_call: int, count: int, seconds: float) -> int:
    """Steps for the next call: twice as many while a call is short, fewer when it is long."""
    if seconds > CALL_S:
        return max(int(count * CALL_S / seconds), 1)
    return min(per_call * 2, 1 << 16)


def _on_replicas(strategy: Any, block: Block) -> tuple[Any, ...]:
    def placed(values: Any) -> Any:
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(values[:, context.replica_id_in_sync_group])
        )

    return placed(block.x), placed(block.y), placed(block.weight)


def _advanced(
    cursor: Cursor, losses: Any, rows: tuple[int, ...], rows_per_epoch: int
) -> Cursor:
    """The cursor after these steps.

    Losses add up step by step, so their sum does not depend on how steps were grouped into calls.
    """
    bad = np.flatnonzero(~np.isfinite(losses))
    if len(bad):
        step = cursor.step + int(bad[0]) + 1
        raise TrainingError(
            f"The loss of step {step} is {losses[bad[0]]} (epoch {cursor.epoch + 1}). Lower "
            f"training.learning_rate, or look for infinite or missing values in the features."
        )
    for loss, count in zip(losses, rows, strict=True):
        cursor = cursor.after(float(loss), count, rows_per_epoch)
    return cursor


@dataclass(slots=True)
class _Progress:
    """Tells rows, rate and time left, counted from where this try began."""

    report: Reporter
    feed: Feed
    epochs: int
    start: Cursor

    def tell(self, cursor: Cursor, loss: float) -> None:
        rows = self.feed.shards.rows
        done = (cursor.epoch - self.start.epoch) * rows + cursor.position - self.start.position
        total = (self.epochs - self.start.epoch) * rows - self.start.position
        epoch = min(cursor.epoch + 1, self.epochs)
        note = f"epoch {epoch} of {self.epochs}, step {cursor.step:,}, loss {loss:.4f}"
        self.report.progress(done, total, "rows", note)
