"""Training a model of classes: a logit each, softmax cross-entropy."""

from typing import Any

import tensorflow as tf

from pipelines.spec import MultiClass
from pipelines.stages.train.heads.head_training import HeadTraining


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
