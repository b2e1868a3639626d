"""The predictions of a model, by head: the outputs of the serving graph.

Why: a caller of the graph needs probabilities, amounts and classes, not raw numbers.
Promise: names and shapes are fixed by the head; ``score`` is the number that ranks rows, where
    there is one.
"""

from typing import Any

import tensorflow as tf

from pipelines.spec import Binary, Head, MultiClass, Ordinal, Regression


def predictions(head: Head, outputs: Any) -> dict[str, Any]:
    """Predictions from raw outputs ``(n_rows, outputs)``.

    Returns:
        ``Binary``: ``score (n_rows,)``, the probability. ``MultiClass``: ``probabilities
        (n_rows, classes)``. ``Regression``: ``score (n_rows,)``, the amount. ``Ordinal``:
        ``probabilities (n_rows, classes)`` and ``score``, the mean grade. ``Survival``: ``survival
        (n_rows, intervals)``, the chance to be without the event at each cut, and ``score``, the
        chance of it by the last.
    """
    if isinstance(head, Binary):
        return {"score": tf.sigmoid(outputs[:, 0])}
    if isinstance(head, MultiClass):
        return {"probabilities": tf.nn.softmax(outputs)}
    if isinstance(head, Regression):
        return {"score": outputs[:, 0] * head.scale + head.center}
    if isinstance(head, Ordinal):
        return _grades(outputs)
    survival = tf.math.cumprod(tf.sigmoid(-outputs), axis=1)
    return {"survival": survival, "score": 1.0 - survival[:, -1]}


def _grades(outputs: Any) -> dict[str, Any]:
    above = tf.sigmoid(outputs)
    edges = tf.concat([tf.ones_like(above[:, :1]), above, tf.zeros_like(above[:, :1])], axis=1)
    # Thresholds cross only before they are trained; a class between them has no probability.
    each = tf.maximum(edges[:, :-1] - edges[:, 1:], 0.0)
    return {
        "probabilities": each / tf.reduce_sum(each, axis=1, keepdims=True),
        "score": tf.reduce_sum(above, axis=1),
    }
