"""How models with one head are evaluated: what every head says of its own.

Why: a flag, an amount, a class, a grade and a time are predicted, measured and shown in their own
    way, and everything else of an evaluation is the same for all of them.
Not here: the evaluation itself (``pipelines/stages/evaluate/evaluation.py``), the heads (the
    modules beside this one).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.shared.metrics.bootstrap import Measured
from pipelines.shared.pages.plots import Plot
from pipelines.spec import TRAIN, Evaluation, Head, Pipeline
from pipelines.stages.evaluate.rows import TestRows

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]
Predictions = Arrays
"""What a head predicts of some rows, by name (``score``, ``probabilities``, ...)."""
ReadRaw = Callable[[Mapping[str, str]], Arrays]
"""Reads columns of raw rows, by name and kind; KeyError where the rows lack one."""


@dataclass(frozen=True)
class Yardstick:
    """What predictions are measured by: the same for a model, the champion and a baseline.

    Attributes:
        evaluation: As declared.
        training_set: Folder of the published training set.
    """

    evaluation: Evaluation
    training_set: Path

    @cached_property
    def training_labels(self) -> NDArray[Any]:
        """Labels of the training rows, ``(n_rows,)`` or ``(n_rows, n_columns)``."""
        index = json.loads((self.training_set / "index.json").read_text())
        return np.concatenate([np.load(self.training_set / e["y"]) for e in index[TRAIN]])


@dataclass(frozen=True, slots=True)
class MetricText:
    """A metric in words: its title on the model card, and what it means."""

    title: str
    meaning: str


class HeadEvaluation(Protocol):
    """What the evaluation of a model asks its head."""

    @property
    def head(self) -> Head:
        """As declared."""

    @property
    def leaves_out_known(self) -> bool:
        """Whether rows of entities that are known to have had the event are not counted."""

    def require(self, rows: TestRows, yardstick: Yardstick, work: str) -> None:
        """Check that models can be evaluated on these rows, for the work of that name.

        Raises:
            TrainingError: They cannot.
        """

    def predict(self, model: Path, inputs: Arrays) -> Predictions:
        """Predictions of model inputs, as the training set has them."""

    def predict_served(self, model: Path, read: ReadRaw) -> Predictions:
        """Predictions of raw rows, prepared by what the model was fitted to.

        Raises:
            KeyError: The model reads, or predicts, something else.
        """

    def measured(
        self, rows: TestRows, predictions: Predictions, yardstick: Yardstick
    ) -> Measured:
        """Arrange predictions for the head's metrics.

        Raises:
            KeyError: They are another head's.
        """

    def facts(
        self, rows: TestRows, predictions: Predictions, yardstick: Yardstick
    ) -> dict[str, Any]:
        """What ``metrics.json`` holds beside what it holds for every head."""

    def scores(
        self, rows: TestRows, own: Predictions, champion: Predictions | None, pipeline: Pipeline
    ) -> pa.Table:
        """``scores.parquet``: keys, labels and predictions of every test row."""

    def texts(self, evaluated: Mapping[str, Any]) -> Mapping[str, MetricText]:
        """The metrics in words, in the order of the model card."""

    def plots(self, evaluated: Mapping[str, Any], scores: Path) -> list[Plot]:
        """Plots of the published scores."""

    def card_facts(self, evaluated: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What the model card says of rows and data beside what it says for every head."""
