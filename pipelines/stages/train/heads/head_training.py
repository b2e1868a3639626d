"""What the training of a model asks its head.

Why: an event, a class, an amount, a grade and a time have a layer, a loss and predictions of their own,
    and everything else of training is the same for all of them.
Promise: shapes are ``outputs (n_rows, outputs)``, ``y (n_rows,)``, losses ``(n_rows,)``, float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import keras
import tensorflow as tf

from pipelines.spec import Head

RowLoss = Callable[[Any, Any], Any]
H = TypeVar("H", bound=Head)


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
        """Raw outputs over a network's last layer ``(n_rows, width)``: a dense layer."""
        name = self.layer_name
        start = keras.initializers.GlorotUniform(seed=seeds.of(name))
        dense = keras.layers.Dense(self.head.outputs(), kernel_initializer=start, name=name)
        return dense(body)

    def loss(self, outputs: Any, y: Any) -> tf.Tensor:
        """The loss of each row."""
        raise NotImplementedError

    def predictions(self, outputs: Any) -> dict[str, Any]:
        """What a caller of the serving graph gets, by name.

        ``score (n_rows,)`` is the number that ranks rows, where there is one; a matrix is
        ``(n_rows, columns)``.
        """
        raise NotImplementedError
