"""Evaluating a model of grades: how many grades it is off, beside what is asked of classes."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import Ordinal
from pipelines.stages.evaluate.heads.from_graph import GraphEvaluation, RowTerms
from pipelines.stages.evaluate.heads.multi_class import log_loss
from pipelines.stages.evaluate.heads.protocol import Floats, Predictions

HALF = 0.5


class OrdinalEvaluation(GraphEvaluation[Ordinal]):
    """How models of grades are evaluated."""

    meanings: ClassVar[Mapping[str, str]] = {
        "rank_mae": "Mean distance from the true grade, in grades; less is better.",
        "log_loss": "Mean negative log of the chance given to the true class; less is better.",
        "accuracy": "Share of rows whose class was predicted.",
    }

    def terms(
        self, labels: Floats, predictions: Predictions, entity_index: NDArray[np.int64]
    ) -> RowTerms:
        """The predicted grade is the number of thresholds passed with a chance of a half or more."""
        chance = predictions["probabilities"].astype(np.float64)
        above = 1.0 - np.cumsum(chance, axis=1)[:, :-1]
        grade = (above > HALF).sum(axis=1)
        means = {
            "rank_mae": np.abs(grade - labels),
            "log_loss": log_loss(labels, chance),
            "accuracy": (grade == labels).astype(float),
        }
        return RowTerms(means, entity_index)
