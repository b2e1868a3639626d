"""Evaluating a model of classes: the chance given to the true one, and how often it is the highest."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import MultiClass
from pipelines.stages.evaluate.heads.from_graph import GraphEvaluation, RowTerms
from pipelines.stages.evaluate.heads.protocol import Floats, Predictions

LEAST_CHANCE = 1e-7


class MultiClassEvaluation(GraphEvaluation[MultiClass]):
    """How models of classes are evaluated."""

    meanings: ClassVar[Mapping[str, str]] = {
        "log_loss": "Mean negative log of the chance given to the true class; less is better.",
        "accuracy": "Share of rows whose class was predicted.",
    }

    def terms(
        self, labels: Floats, predictions: Predictions, entity_index: NDArray[np.int64]
    ) -> RowTerms:
        """Log loss and accuracy."""
        chance = predictions["probabilities"].astype(np.float64)
        right = (chance.argmax(axis=1) == labels).astype(float)
        return RowTerms({"log_loss": log_loss(labels, chance), "accuracy": right}, entity_index)


def log_loss(labels: Floats, chance: Floats) -> Floats:
    """Negative log of the chance ``(n_rows, n_classes)`` of each row's own class."""
    own = chance[np.arange(len(labels)), labels.astype(np.int64)]
    loss: Floats = -np.log(np.maximum(own, LEAST_CHANCE))
    return loss
