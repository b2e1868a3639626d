"""Training a model of an amount: squared or Huber loss on the scaled label."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from pipelines.spec import Regression
from pipelines.stages.train.heads.head_training import Floats, HeadTraining

HALVINGS = 40


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
    """The constant of the smallest Huber loss with delta 1: it is within 1 of the median."""
    order = np.argsort(values, kind="stable")
    half = np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)
    median = float(values[order][half])
    low, high = median - 1.0, median + 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if (np.clip(values - middle, -1.0, 1.0) * weight).sum() > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
