"""Training a model of grades: one score against thresholds (CORAL)."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from pipelines.spec import Ordinal
from pipelines.stages.train.heads.head_training import (
    LAST_LAYER_SHARE,
    Floats,
    HeadTraining,
    SeedsByName,
    assign_all,
    class_counts,
    or_half,
)
from pipelines.stages.train.member_layers import dense_layer, members_of

THRESHOLDS = "thresholds"


class OrdinalTraining(HeadTraining[Ordinal]):
    """How models of grades are trained."""

    def layer(self, body: Any, seeds: SeedsByName) -> keras.KerasTensor:
        """One score plus a bias for each threshold, the biases falling at the start.

        The biases are a row of a table, of each member its own: no stock layer adds a bias alone, and a file with a
        layer of our own would load only where Millrace is.
        """
        score = dense_layer(
            body, 1, "grade", seeds.of("grade"), share=LAST_LAYER_SHARE, use_bias=False
        )
        members = members_of(body)
        biases = np.linspace(1.0, -1.0, self.head.classes - 1, dtype=np.float32)
        table = keras.layers.Embedding(
            members,
            self.head.classes - 1,
            embeddings_initializer=keras.initializers.Constant(biases.tolist()),
            name=THRESHOLDS,
        )
        row = ops.cast(ops.zeros_like(ops.squeeze(score, -1)), "int32")
        if members > 1:
            row = ops.add(row, np.arange(members, dtype=np.int32))
        return keras.layers.Add(name="outputs")([table(row), score])

    def loss(self, outputs: Any, y: Any) -> tf.Tensor:
        """Cross-entropy of "is the grade above this one", summed over the thresholds."""
        steps = tf.range(self.head.classes - 1, dtype=tf.float32)
        above = tf.cast(y[:, None] > steps, tf.float32)
        each = tf.nn.sigmoid_cross_entropy_with_logits(labels=above, logits=outputs)
        return tf.reduce_sum(each, axis=1)

    def predictions(self, outputs: Any) -> dict[str, Any]:
        """``probabilities (n_rows, classes)``, and ``score (n_rows,)``, the mean grade."""
        above = tf.sigmoid(outputs)
        edges = tf.concat(
            [tf.ones_like(above[:, :1]), above, tf.zeros_like(above[:, :1])], axis=1
        )
        # Thresholds cross only before they are trained; a class between them has no probability.
        each = tf.maximum(edges[:, :-1] - edges[:, 1:], 0.0)
        return {
            "probabilities": each / tf.reduce_sum(each, axis=1, keepdims=True),
            "score": tf.reduce_sum(above, axis=1),
        }

    def tally(self, y: NDArray[np.float32], weight: Floats) -> Floats:
        """Weight of each grade."""
        return class_counts(y, weight, self.head.classes)

    def start(self, tally: Floats) -> Floats:
        """The log odds of a grade above each threshold; they fall, a grade without rows counting a half."""
        counts = or_half(tally)
        below = np.cumsum(counts)[:-1]
        return np.asarray(np.log((counts.sum() - below) / below))

    def set_bias(self, model: Any, bias: Floats) -> None:
        """They are the thresholds."""
        assign_all(model.get_layer(THRESHOLDS).embeddings, bias)
