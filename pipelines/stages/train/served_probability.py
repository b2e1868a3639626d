"""The calibration of a model in its served graph.

Promise: the same float64 arithmetic as ``Calibration.probability``, so that a program that calls the graph gets the
    probability that a day was scored with; TensorFlow's logarithm may differ from NumPy's in the last digit.
"""

from typing import Any

import tensorflow as tf

from pipelines.shared.scoring.decision import ISOTONIC, LEAST_SCORE, PLATT, Calibration


def served_probability(calibration: Calibration, score: Any) -> tf.Tensor:
    """The probability of the event of rows with these scores, ``(n_rows,)``, float32."""
    values = tf.cast(score, tf.float64)
    if calibration.kind == PLATT:
        return tf.cast(_sigmoid(calibration, values), tf.float32)
    if calibration.kind == ISOTONIC:
        return tf.cast(_between(calibration, values), tf.float32)
    return tf.identity(score)


def _sigmoid(calibration: Calibration, score: Any) -> tf.Tensor:
    score = tf.clip_by_value(score, LEAST_SCORE, 1.0 - LEAST_SCORE)
    return tf.sigmoid(
        calibration.slope * tf.math.log(score / (1.0 - score)) + calibration.intercept
    )


def _between(calibration: Calibration, score: Any) -> tf.Tensor:
    x, y = (tf.constant(each, tf.float64) for each in (calibration.x, calibration.y))
    score = tf.clip_by_value(score, x[0], x[-1])
    at = tf.clip_by_value(
        tf.searchsorted(x, score, side="right") - 1, 0, len(calibration.x) - 2
    )
    low, high, below, above = (tf.gather(v, n) for v in (x, y) for n in (at, at + 1))
    share = (score - low) / (high - low)
    return tf.minimum(below + share * (above - below), above)
