"""Training a model of an amount: squared or Huber loss on the scaled label."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from pipelines.spec import Regression
from pipelines.stages.train.heads.head_training import Floats, HeadTraining

# Steps towards the Huber loss's best constant, from the median, each of which lowers the loss.
HUBER_STEPS = 20


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

    def tally(self, y: NDArray[np.float32], weight: Floats) -> Floats:
        """Sum of the scaled labels and of the weights; for ``huber`` of the rows' best constant."""
        scaled = (y.astype(np.float64) - self.head.center) / self.head.scale
        total = weight.sum()
        if self.head.loss == "squared" or not total:
            return np.array([(scaled * weight).sum(), total])
        return np.array([_huber_constant(scaled, weight) * total, total])

    def start(self, tally: Floats) -> Floats:
        """The mean; for ``huber`` that of the parts' best constants, as outliers move a mean."""
        total, weight = tally
        return np.array([total / weight if weight else 0.0])


def _huber_constant(values: Floats, weight: Floats) -> float:
    """The constant of a small Huber loss with delta 1."""
    found = float(np.median(values))
    for _ in range(HUBER_STEPS):
        found += float((np.clip(values - found, -1.0, 1.0) * weight).sum() / weight.sum())
    return found
