"""Evaluating a model of classes: the chance given to the true one, and how often it is the highest."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.row_terms import RowTerms, class_terms
from pipelines.spec import MultiClass
from pipelines.stages.evaluate.heads.from_graph import GraphEvaluation
from pipelines.stages.evaluate.heads.protocol import Floats, Predictions


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
        return class_terms(labels, chance, entity_index)
