"""Training a model of an amount: squared or Huber loss on the scaled label."""

from typing import Any

import tensorflow as tf

from pipelines.spec import Regression
from pipelines.stages.train.heads.head_training import HeadTraining


class RegressionTraining(HeadTraining[Regression]):
    """How models of an amount are trained."""

    def loss(self, outputs: Any, y: Any) -> tf.Tensor:
        """Of the distance in units of ``scale``."""
        error = outputs[:, 0] - (y - self.head.center) / self.head.scale
        if self.head.loss == "squared":
            return tf.square(error)
        size = tf.abs(error)
        return tf.where(size <= 1.0, 0.5 * tf.square(error), size - 0.5)

    def predictions(self, outputs: Any) -> dict[str, Any]:
        """``score (n_rows,)``, the amount."""
        return {"score": outputs[:, 0] * self.head.scale + self.head.center}
