"""What the heads share whose predictions come from the model's own graph, row by row.

Why: an amount, a class, a grade and a time differ in their metrics alone.
Promise: rows may be weighted, so that a resample of entities is a vector of copies; every metric
    is a mean over rows. Every test row that has a label counts: only an event
    can make an entity known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.shared.metrics.bootstrap import Measured
from pipelines.shared.metrics.row_terms import RowTerms
from pipelines.shared.pages.plots import Plot
from pipelines.shared.scoring.graph import open_graph
from pipelines.shared.scoring.served import open_served
from pipelines.spec import Head, Pipeline
from pipelines.stages.evaluate.heads.protocol import (
    Arrays,
    Floats,
    MetricText,
    Predictions,
    ReadRaw,
    Yardstick,
)
from pipelines.stages.evaluate.rows import TestRows
from pipelines.stages.evaluate.scores import scores_table

H = TypeVar("H", bound=Head)


@dataclass(frozen=True, slots=True)
class GraphEvaluation(Generic[H]):
    """How models are evaluated that predict by their graph; a head adds its metrics.

    Attributes:
        head: The declared head.
        meanings: What each metric means.
    """

    head: H
    leaves_out_known: bool = False
    meanings: ClassVar[Mapping[str, str]]

    def terms(
        self, labels: Floats, predictions: Predictions, entity_index: NDArray[np.int64]
    ) -> RowTerms:
        """The head's metrics as terms of rows, from labels ``(n_rows,)`` and predictions."""
        raise NotImplementedError

    def require(self, rows: TestRows, yardstick: Yardstick, work: str) -> None:
        """Any rows will do."""

    def predict(self, model: Path, inputs: Arrays) -> Predictions:
        """The head's predictions, by its graph."""
        return open_graph(model).of_arrays(inputs)

    def predict_served(self, model: Path, read: ReadRaw) -> Predictions:
        """The same of raw rows."""
        served = open_served(model, self.head)
        return served.predict(read(served.kinds))

    def measured(
        self, rows: TestRows, predictions: Predictions, yardstick: Yardstick
    ) -> Measured:
        """Arrange predictions of the rows that count."""
        del yardstick
        here = rows.counted
        _, index = np.unique(rows.entity[here], return_inverse=True)
        counted = {name: values[here] for name, values in predictions.items()}
        return self.terms(rows.labels[here], counted, index)

    def facts(
        self, rows: TestRows, predictions: Predictions, yardstick: Yardstick
    ) -> dict[str, Any]:
        """None of its own."""
        del rows, predictions, yardstick
        return {}

    def scores(
        self, rows: TestRows, own: Predictions, champion: Predictions | None, pipeline: Pipeline
    ) -> pa.Table:
        """Keys, label and predictions of every row; where one is modelled, whether a competing event ended it."""
        del champion
        columns = {"label": pa.array(rows.labels, mask=~rows.labelled)}
        if getattr(pipeline.head, "competing", False):
            columns["competing_event"] = pa.array(rows.competing)
        for name, values in sorted(own.items()):
            columns[name] = pa.array(values if values.ndim == 1 else list(values))
        return scores_table(rows.keys, columns)

    def texts(self, evaluated: Mapping[str, Any]) -> Mapping[str, MetricText]:
        """Every metric, by its own name."""
        return {
            name: MetricText(name.replace("_", " "), self.meanings[name])
            for name in evaluated["metrics"]
        }

    def plots(self, evaluated: Mapping[str, Any], scores: Path) -> list[Plot]:
        """None of its own."""
        del evaluated, scores
        return []

    def card_facts(self, evaluated: Mapping[str, Any]) -> list[tuple[str, str]]:
        """None of its own."""
        del evaluated
        return []
