"""Start a network's last layer at the base rate of the training rows.

Why: from a bias of 0 a rare event takes epochs to become rare in the predictions, and many intervals of
    a survival curve dozens of them; until then gradients teach nothing else.
Promise: computed from the rows that gradients are taken of and their weights, in one pass over the
    labels, in float64 and the order of the table; a run that resumes keeps the weights it restored.
Not here: what the bias of a head is (``heads/``).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.train.heads.head_training import HeadTraining
from pipelines.stages.train.label_chunks import label_chunks
from pipelines.stages.train.shards import Shards


def start_at_base_rate(
    model: Any, head: HeadTraining[Any], shards: Shards, class_weights: tuple[float, ...] = ()
) -> None:
    """Set the bias of a model's last layer to the constant that fits the rows best.

    Args:
        model: Keras model, on any number of replicas.
        head: Its head.
        shards: Rows to train on.
        class_weights: Weight of a row of label 0, 1, ...; empty for 1 each.
    """
    head.set_bias(model, base_rate(head, shards, class_weights))


def base_rate(
    head: HeadTraining[Any], shards: Shards, class_weights: tuple[float, ...] = ()
) -> NDArray[np.float64]:
    """Outputs, equal for every row, that fit the rows best, ``(outputs,)``."""
    total: Any = 0.0
    for y, weight in label_chunks(shards, class_weights):
        total = total + head.tally(y, weight)
    shards.release()
    return head.start(total)
