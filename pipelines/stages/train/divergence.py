"""Whether a training went the wrong way: its loss is a number, and far above that of knowing nothing.

Why: losses of 4e13 and 1.4e13 fall, and are finite; a model of them is scored, judged and kept for
    what it is not.
Promise: the yardstick is the mean loss of outputs that are 0 for every row, over the same rows with the
    same weights, so it means the same for every head; the epoch that is judged is the one whose
    weights would be published.
Not here: numbers that are not finite (``poison.py``).
"""

from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.core.errors import TrainingError, listed
from pipelines.spec import Training
from pipelines.stages.train.cursor import Cursor
from pipelines.stages.train.network import Network
from pipelines.stages.train.shards import LABEL, Shards

# So many times the loss of knowing nothing is no state that more epochs would mend.
FAR = 100.0
# So many times the lowest loss of an epoch is no noise, where it is above knowing nothing as well.
GROWN = 2.0
CHUNK_ROWS = 65_536


def loss_of_nothing(
    network: Network, shards: Shards, class_weights: tuple[float, ...] = ()
) -> float:
    """Mean loss of the training rows where every output is 0."""
    width = network.model.output_shape[-1]
    total = weights = 0.0
    for day in shards.days:
        for first in range(0, len(day[LABEL]), CHUNK_ROWS):
            y = np.asarray(day[LABEL][first : first + CHUNK_ROWS])
            each = network.head.loss(tf.zeros((len(y), width)), tf.constant(y)).numpy()
            weight = np.ones(len(y))
            if class_weights:
                weight = np.array(class_weights)[y.astype(np.int64)]
            total, weights = total + float(each @ weight), weights + float(weight.sum())
    return total / weights if weights else 0.0


def require_converged(
    work: str, cursor: Cursor, nothing: float, training: Training, *, kept_best: bool
) -> None:
    """Let a training pass whose published weights are better than knowing nothing, or nearly.

    Args:
        work: Whose training.
        cursor: Its end.
        nothing: Loss of knowing nothing.
        training: Its settings, to say which to change.
        kept_best: Whether the best epoch's weights are published, not the last step's.

    Raises:
        TrainingError: Their loss is far above it, or has grown beyond it.
    """
    losses = list(cursor.losses)
    if cursor.position:
        losses.append(cursor.loss_sum / cursor.position)
    loss = losses[cursor.best_epoch - 1] if kept_best else losses[-1]
    if not is_diverged(loss, min(losses), nothing):
        return
    told = listed(f"{value:.3g}" for value in losses[:5])
    raise TrainingError(
        f"{work}: the training diverged: the loss by epoch is {told}; the weights to publish have "
        f"{loss:.3g}, and outputs of 0 for every row would have {nothing:.3g}. Nothing is published. "
        f"{_remedy(training)}"
    )


def is_diverged(loss: float, lowest: float, nothing: float) -> bool:
    """Whether a loss is far above that of knowing nothing, or has grown beyond it."""
    return loss > FAR * nothing or (loss > nothing and loss > GROWN * lowest)


def _remedy(training: Training) -> str:
    clip: Any = training.clip_norm or "0, which never clips"
    return (
        f"Lower training.learning_rate (now {training.learning_rate:g}), raise "
        f"training.warmup_epochs (now {training.warmup_epochs:g}), set training.clip_norm to 1 or "
        f"less (now {clip}), or standardise features of large values (Standardise, Log)."
    )
