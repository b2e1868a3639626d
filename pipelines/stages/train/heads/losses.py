"""The loss of each row, by head.

Why: the loop divides by the weight of the whole global batch, so it needs a number for each row.
Promise: shapes are ``outputs (n_rows, outputs)``, ``y (n_rows,)``, result ``(n_rows,)``, float32.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipelines.spec import Binary, Head, MultiClass, Ordinal, Regression

RowLoss = Callable[[Any, Any], Any]


def row_loss(head: Head, focal_gamma: float = 0.0) -> RowLoss:
    """The head's loss ``(outputs, y) -> losses``.

    Args:
        head: What is predicted.
        focal_gamma: Exponent that reduces the loss of ``Binary`` for rows that are classified well.
    """
    if isinstance(head, Binary):
        return lambda outputs, y: _binary(focal_gamma, outputs, y)
    if isinstance(head, MultiClass):
        return _multi_class
    if isinstance(head, Regression):
        return lambda outputs, y: _regression(head, outputs, y)
    if isinstance(head, Ordinal):
        return lambda outputs, y: _ordinal(head, outputs, y)
    return lambda outputs, y: _survival(head.cuts_days, outputs, y)


def _binary(focal_gamma: float, outputs: Any, y: Any) -> tf.Tensor:
    """Cross-entropy, or the focal loss.

    Source:
        Lin and others, "Focal Loss for Dense Object Detection", 2017, equation 4.
    """
    logits = outputs[:, 0]
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits)
    if not focal_gamma:
        return each
    # log(1 - p) of the row's own class, from its logit: exact where p is near 1.
    missed = -tf.nn.softplus((2.0 * y - 1.0) * logits)
    return tf.exp(focal_gamma * missed) * each


def _multi_class(outputs: Any, y: Any) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.cast(y, tf.int32), logits=outputs
    )


def _regression(head: Regression, outputs: Any, y: Any) -> tf.Tensor:
    error = outputs[:, 0] - (y - head.center) / head.scale
    if head.loss == "squared":
        return tf.square(error)
    size = tf.abs(error)
    return tf.where(size <= 1.0, 0.5 * tf.square(error), size - 0.5)


def _ordinal(head: Ordinal, outputs: Any, y: Any) -> tf.Tensor:
    """Cross-entropy of "is the grade above this one", summed over the thresholds (CORAL)."""
    above = tf.cast(y[:, None] > tf.range(head.classes - 1, dtype=tf.float32), tf.float32)
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=above, logits=outputs)
    return tf.reduce_sum(each, axis=1)


def _survival(cuts_days: tuple[float, ...], outputs: Any, y: Any) -> tf.Tensor:
    """Negative log-likelihood of the hazards (Gensheimer and Narasimhan 2019, equation 4).

    An event counts as survival of every interval before its own and as the event in that one; a
    censored row as survival of the intervals of which it was seen for half or more.
    """
    ends = tf.constant(cuts_days, tf.float32)
    starts = tf.constant((0.0, *cuts_days[:-1]), tf.float32)
    time, happened = tf.abs(y)[:, None], (y > 0)[:, None]
    seen = tf.where(happened, time >= ends, time >= (starts + ends) / 2)
    died = happened & (time >= starts) & (time < ends)
    hazard = tf.nn.sigmoid_cross_entropy_with_logits(
        labels=tf.cast(died, tf.float32), logits=outputs
    )
    return tf.reduce_sum(hazard * tf.cast(seen | died, tf.float32), axis=1)
