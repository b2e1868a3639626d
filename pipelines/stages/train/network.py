"""What the loop trains: a Keras model, the losses and scores of its head, and an optimiser.

Why: the loop is the same for every model; this is its whole interface.
Promise: a model takes a dict of inputs by name (``x``, ``ids``, ``seq_NAME``, ``len_NAME``), first
    axis the rows; a head gives a loss for each row, never a mean.
Not here: building them (``networks/``, ``heads/``, ``optimizers.py``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LoopHead:
    """The loss and the score of a model's outputs.

    Attributes:
        loss: ``(outputs, y) -> (rows,)``, outputs in float32, in a TensorFlow graph.
        score: ``outputs -> (rows,)``, a logit that ranks rows by the event; None where there is
            no single event to rank by.
    """

    loss: Callable[[Any, Any], Any]
    score: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """The objects of a training, all made in the strategy's scope.

    Attributes:
        strategy: Strategy that distributes it.
        model: Keras model.
        head: Its losses and scores.
        optimizer: Keras optimiser, built for the model's trainable variables.
    """

    strategy: Any
    model: Any
    head: LoopHead
    optimizer: Any
