"""Training a model of classes: a logit each, softmax cross-entropy."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from pipelines.spec import MultiClass
from pipelines.stages.train.heads.head_training import (
    Floats,
    HeadTraining,
    class_counts,
    or_half,
)


class MultiClassTraining(HeadTraining[MultiClass]):
    """How models of classes are trained."""

    def loss(self, outputs: Any, y: Any) -> tf.Tensor:
        """Cross-entropy of the row's own class."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.cast(y, tf.int32), logits=outputs
        )

    def predictions(self, outputs: Any) -> dict[str, Any]:
        """``probabilities (n_rows, classes)``."""
        return {"probabilities": tf.nn.softmax(outputs)}

    def tally(self, y: NDArray[np.float32], weight: Floats) -> Floats:
        """Weight of each class."""
        return class_counts(y, weight, self.head.classes)

    def start(self, tally: Floats) -> Floats:
        """The logarithm of each class's share."""
        counts = or_half(tally)
        return np.asarray(np.log(counts / counts.sum()))
