"""Heads in TensorFlow, one module a head: the last layer, the loss of each row, and the predictions.

Why: the loop weighs and sums losses by itself, so a head gives one number a row and no mean.
Promise: losses are finite for finite outputs; predictions are what the serving graph returns.
Not here: what a declaration may say (``pipelines/spec/heads.py``), which labels are valid
    (``pipelines/stages/train/preflight.py``).

To add one: write its module with a class of ``HeadTraining``, and name it in ``TRAININGS``.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from pipelines.spec import Binary, Head, MultiClass, Ordinal, Regression, Survival
from pipelines.stages.train.heads.binary import BinaryTraining
from pipelines.stages.train.heads.head_training import HeadTraining, RowLoss, SeedsByName
from pipelines.stages.train.heads.members import (
    event_logit,
    loss_of_members,
    mean_predictions,
)
from pipelines.stages.train.heads.multi_class import MultiClassTraining
from pipelines.stages.train.heads.ordinal import OrdinalTraining
from pipelines.stages.train.heads.regression import RegressionTraining
from pipelines.stages.train.heads.survival import survival_training
from pipelines.stages.train.network import LoopHead

TRAININGS: Mapping[type[Head], Callable[[Any, float], HeadTraining[Any]]] = {
    Binary: BinaryTraining,
    MultiClass: MultiClassTraining,
    Regression: RegressionTraining,
    Ordinal: OrdinalTraining,
    Survival: survival_training,
}


def training_of(head: Head, focal_gamma: float = 0.0) -> HeadTraining[Any]:
    """How a model with this head is trained."""
    return TRAININGS[type(head)](head, focal_gamma)


def head_layer(head: Head, body: Any, seeds: SeedsByName) -> keras.KerasTensor:
    """Raw outputs ``(n_rows, outputs)`` over a network's last layer ``(n_rows, width)``; or of its members."""
    return training_of(head).layer(body, seeds)


def row_loss(head: Head, focal_gamma: float = 0.0) -> RowLoss:
    """The head's loss ``(outputs, y) -> losses``, ``(n_rows,)``.

    Args:
        head: What is predicted.
        focal_gamma: Exponent that reduces the loss of ``Binary`` for rows that are classified well.
    """
    return loss_of_members(training_of(head, focal_gamma).loss)


def predictions(head: Head, outputs: Any) -> dict[str, Any]:
    """Predictions from raw outputs ``(n_rows, outputs)``, by name; of members, their mean."""
    return mean_predictions(training_of(head).predictions, outputs)


def loop_head(declared: Head, focal_gamma: float = 0.0) -> LoopHead:
    """The head as the loop uses it: its loss, and for ``Binary`` the logit that ranks rows."""
    ranks = isinstance(declared, Binary)
    return LoopHead(
        loss=row_loss(declared, focal_gamma),
        score=event_logit if ranks else None,
    )
