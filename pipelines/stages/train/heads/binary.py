"""Training a model of an event: one logit, cross-entropy or the focal loss."""

from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from pipelines.spec import Binary
from pipelines.stages.train.heads.head_training import (
    Floats,
    HeadTraining,
    class_counts,
    or_half,
)

# Halvings of an interval that holds any logit of interest, to the last digit of a float64.
WIDEST_LOGIT, HALVINGS = 100.0, 64


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

    def tally(self, y: NDArray[np.float32], weight: Floats) -> Floats:
        """Weight of the rows without and with the event."""
        return class_counts(y, weight, 2)

    def start(self, tally: Floats) -> Floats:
        """The log odds; with the focal loss the logit at which its slope is 0, nearer to 0."""
        without, events = or_half(tally)
        odds = np.log(events) - np.log(without)
        return np.array([_focal_start(odds, self.focal_gamma) if self.focal_gamma else odds])


def _focal_start(log_odds: float, gamma: float) -> float:
    """The constant logit of the smallest focal loss, by bisection of its slope."""
    low, high = -WIDEST_LOGIT, WIDEST_LOGIT
    for _ in range(HALVINGS):
        logit = (low + high) / 2
        # The slope falls where the events' part outweighs that of the other rows.
        if log_odds + _log_slope(logit, gamma) > _log_slope(-logit, gamma):
            low = logit
        else:
            high = logit
    return (low + high) / 2


def _log_slope(logit: float, gamma: float) -> float:
    """Logarithm of how fast the focal loss of an event falls as its logit rises."""
    missed = np.logaddexp(0.0, logit)  # -log(1 - p)
    hit = np.logaddexp(0.0, -logit)  # -log(p)
    return float(-gamma * missed + np.log(np.exp(-missed) + gamma * np.exp(-hit) * hit))
