"""Training a model of an event: one logit, cross-entropy or the focal loss."""

from typing import Any, ClassVar

import tensorflow as tf

from pipelines.spec import Binary
from pipelines.stages.train.heads.head_training import HeadTraining


class BinaryTraining(HeadTraining[Binary]):
    """How models of an event are trained."""

    layer_name: ClassVar[str] = "logit"

    def loss(self, outputs: Any, y: Any) -> tf.Tensor:
        """Cross-entropy, or the focal loss.

        Source:
            Lin and others, "Focal Loss for Dense Object Detection", 2017, equation 4.
        """
        logits = outputs[:, 0]
        each = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits)
        if not self.focal_gamma:
            return each
        # log(1 - p) of the row's own class, from its logit: exact where p is near 1.
        missed = -tf.nn.softplus((2.0 * y - 1.0) * logits)
        return tf.exp(self.focal_gamma * missed) * each

    def predictions(self, outputs: Any) -> dict[str, Any]:
        """``score (n_rows,)``, the probability of the event."""
        return {"score": tf.sigmoid(outputs[:, 0])}
