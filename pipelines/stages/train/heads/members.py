"""Losses and predictions of a network with members: outputs ``(n_rows, members, outputs)``.

Promise: a member is trained as if alone, by the mean over members of each row's loss; what is predicted is the mean of the
    members' predictions (probabilities, survival curves, amounts), and an event's logit is that of its mean probability.
Not here: the members' layers (``pipelines/stages/train/member_layers.py``).
"""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipelines.stages.train.heads.head_training import RowLoss
from pipelines.stages.train.member_layers import RANK, members_of


def loss_of_members(loss: RowLoss) -> RowLoss:
    """The same loss, of the outputs of one network or of several."""

    def each(outputs: Any, y: Any) -> tf.Tensor:
        if len(outputs.shape) != RANK:
            return loss(outputs, y)
        members = members_of(outputs)
        found = loss(_by_member(outputs), tf.repeat(y, members, axis=0))
        return tf.reduce_mean(tf.reshape(found, (-1, members)), axis=1)

    return each


def mean_predictions(predict: Callable[[Any], dict[str, Any]], outputs: Any) -> dict[str, Any]:
    """Predictions of one network, or the mean of those of several, by name."""
    if len(outputs.shape) != RANK:
        return predict(outputs)
    members = members_of(outputs)
    return {
        name: tf.reduce_mean(tf.reshape(values, (-1, members, *values.shape[1:])), axis=1)
        for name, values in predict(_by_member(outputs)).items()
    }


def event_logit(outputs: Any) -> tf.Tensor:
    """The logit of an event, ``(n_rows,)``; of several networks that of their mean probability."""
    if len(outputs.shape) != RANK:
        return outputs[:, 0]
    logits, count = outputs[:, :, 0], math.log(members_of(outputs))
    happens, not_so = (
        tf.reduce_logsumexp(tf.math.log_sigmoid(each), axis=1) - count
        for each in (logits, -logits)
    )
    return happens - not_so


def _by_member(outputs: Any) -> tf.Tensor:
    """Every member's outputs as rows, those of a row one after another."""
    return tf.reshape(outputs, (-1, outputs.shape[2]))
