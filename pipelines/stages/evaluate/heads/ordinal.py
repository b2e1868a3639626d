"""Evaluating a model of grades: how many grades it is off, beside what is asked of classes."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.row_terms import RowTerms, grade_terms
from pipelines.spec import Ordinal
from pipelines.stages.evaluate.heads.from_graph import GraphEvaluation
from pipelines.stages.evaluate.heads.protocol import Floats, Predictions


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
        """See ``grade_terms``."""
        chance = predictions["probabilities"].astype(np.float64)
        return grade_terms(labels, chance, entity_index)
