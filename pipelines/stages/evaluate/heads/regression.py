"""Evaluating a model of an amount: how far it is off."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.row_terms import RowTerms, amount_terms
from pipelines.spec import Regression
from pipelines.stages.evaluate.heads.from_graph import GraphEvaluation
from pipelines.stages.evaluate.heads.protocol import Floats, Predictions


class RegressionEvaluation(GraphEvaluation[Regression]):
    """How models of an amount are evaluated."""

    meanings: ClassVar[Mapping[str, str]] = {
        "rmse": "Root of the mean squared error; less is better.",
        "mae": "Mean distance from the true amount; less is better.",
    }

    def terms(
        self, labels: Floats, predictions: Predictions, entity_index: NDArray[np.int64]
    ) -> RowTerms:
        """Squared and absolute errors."""
        score = predictions["score"].astype(np.float64)
        return amount_terms(labels, score, entity_index)
