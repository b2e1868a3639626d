"""Detect that a training diverged: its loss is finite, and far above that of a constant output.

Why: losses of 4e13 and 1.4e13 fall and are finite; without this check their model would be
    published and evaluated.
Promise: the baseline is the mean loss of outputs that are 0 for every row, over the same rows with
    the same weights, so it applies to every head; it is compared with the epoch whose weights would
    be published.
Not here: non-finite values (``non_finite.py``).
"""

from typing import Any

import tensorflow as tf

from pipelines.core.errors import TrainingError, listed
from pipelines.spec import Training
from pipelines.stages.train.cursor import Cursor
from pipelines.stages.train.label_chunks import label_chunks
from pipelines.stages.train.network import Network
from pipelines.stages.train.shards import Shards

# Above this multiple of the baseline, more epochs do not help.
FAR = 100.0
# Above the baseline and this multiple of the lowest loss of an epoch, a loss is not noise.
GROWN = 2.0


def baseline_loss(
    network: Network, shards: Shards, class_weights: tuple[float, ...] = ()
) -> float:
    """Mean loss of the training rows if every output is 0."""
    width = network.model.output_shape[-1]
    total = weights = 0.0
    for y, weight in label_chunks(shards, class_weights):
        each = network.head.loss(tf.zeros((len(y), width)), tf.constant(y)).numpy()
        total, weights = total + float(each @ weight), weights + float(weight.sum())
    return total / weights if weights else 0.0


def require_converged(
    work: str, cursor: Cursor, baseline: float, training: Training, *, kept_best: bool
) -> None:
    """Require that the weights to publish are not far worse than the baseline.

    Args:
        work: Name of the work.
        cursor: Last position of the training.
        baseline: Loss of outputs that are 0.
        training: Its settings, for the message.
        kept_best: Whether the best epoch's weights are published, not the last step's.

    Raises:
        TrainingError: Their loss is far above the baseline, or grew above it.
    """
    losses = list(cursor.losses)
    if cursor.position:
        losses.append(cursor.loss_sum / cursor.position)
    loss = losses[cursor.best_epoch - 1] if kept_best else losses[-1]
    if not is_diverged(loss, min(losses), baseline):
        return
    by_epoch = listed(f"{value:.3g}" for value in losses[:5])
    raise TrainingError(
        f"{work}: the training diverged: the loss by epoch is {by_epoch}; the weights to publish have "
        f"{loss:.3g}, and outputs of 0 for every row would have {baseline:.3g}. Nothing is published. "
        f"{_remedy(training)}"
    )


def is_diverged(loss: float, lowest: float, baseline: float) -> bool:
    """Whether a loss is far above the baseline, or grew above it."""
    return loss > FAR * baseline or (loss > baseline and loss > GROWN * lowest)


def _remedy(training: Training) -> str:
    clip: Any = training.clip_norm or "0, which never clips"
    return (
        f"Lower training.learning_rate (now {training.learning_rate:g}), raise "
        f"training.warmup_epochs (now {training.warmup_epochs:g}), set training.clip_norm to 1 or "
        f"less (now {clip}), or standardise features of large values (Standardise, Log)."
    )
