"""What the training of a model asks its head.

Why: an event, a class, an amount, a grade and a time have a layer, a loss and predictions of their own,
    and everything else of training is the same for all of them.
Promise: shapes are ``outputs (n_rows, outputs)``, ``y (n_rows,)`` (``(n_rows, 2)`` where an event
    competes), losses ``(n_rows,)``, float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from pipelines.spec import Head
from pipelines.stages.train.member_layers import dense_layer

RowLoss = Callable[[Any, Any], Any]
Floats = NDArray[np.float64]
H = TypeVar("H", bound=Head)

# Of Glorot's variance: rows start close to the bias, which is the base rate.
LAST_LAYER_SHARE = 0.01


class SeedsByName(Protocol):
    """Gives a layer's seed by its name."""

    def of(self, name: str) -> int:
        """The seed of the layer of that name."""


@dataclass(frozen=True, slots=True)
class HeadTraining(Generic[H]):
    """How models with one head are trained.

    Attributes:
        head: The declared head.
        focal_gamma: Exponent of the focal loss, which ``Binary`` alone has.
        layer_name: Name of the last layer, by which a checkpoint finds its weights.
    """

    head: H
    focal_gamma: float = 0.0
    layer_name: ClassVar[str] = "outputs"

    def layer(self, body: Any, seeds: SeedsByName) -> keras.KerasTensor:
        """Raw outputs over a network's last layer ``(n_rows, width)``: a dense layer, of each member its own."""
        name = self.layer_name
        return dense_layer(
            body, self.head.outputs(), name, seeds.of(name), share=LAST_LAYER_SHARE
        )

    def loss(self, outputs: Any, y: Any) -> tf.Tensor:
        """The loss of each row."""
        raise NotImplementedError

    def predictions(self, outputs: Any) -> dict[str, Any]:
        """What a caller of the serving graph gets, by name.

        ``score (n_rows,)`` is the number that ranks rows, where there is one; a matrix is
        ``(n_rows, columns)``.
        """
        raise NotImplementedError

    def tally(self, y: NDArray[np.float32], weight: Floats) -> Floats:
        """Sums over some training rows from which ``start`` follows; sums of parts add up.

        Args:
            y: Labels of the rows.
            weight: Weight of each in the loss, ``(n_rows,)``.
        """
        raise NotImplementedError

    def start(self, tally: Floats) -> Floats:
        """The outputs, equal for every row, whose loss is the smallest, ``(outputs,)``."""
        raise NotImplementedError

    def set_bias(self, model: Any, bias: Floats) -> None:
        """Make them the bias of a model's last layer."""
        assign_all(model.get_layer(self.layer_name).bias, bias)


def assign_all(variable: Any, bias: Floats) -> None:
    """Set a variable ``(outputs,)``, or ``(members, outputs)``, of any number of replicas."""
    variable.assign(np.broadcast_to(bias.astype(np.float32), variable.shape))


def or_half(counts: Floats) -> Floats:
    """Counts, a half where there is none, so that their logarithms are finite."""
    return np.where(counts > 0, counts, 0.5)


def class_counts(y: NDArray[np.float32], weight: Floats, classes: int) -> Floats:
    """Weight of the rows of each class, ``(classes,)``."""
    return np.bincount(y.astype(np.int64), weight, minlength=classes).astype(np.float64)
