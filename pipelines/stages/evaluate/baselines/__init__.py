"""Simple models beside which a model is shown, one module a kind.

Why: a concordance of 0.84 is worth nothing where age alone has it.
Promise: fitted to the training rows of the model, evaluated on its test rows and resamples, so that the gain has an
    interval of its own.

To add one: declare its settings in ``pipelines/spec/evaluation.py``, write its module with a function like
``cox_predictions``, and call it in ``baselines_of``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from pipelines.spec import TRAIN, Head, Pipeline, Survival
from pipelines.spec.split import TEST
from pipelines.stages.evaluate.baselines.base_rate import base_rate_predictions
from pipelines.stages.evaluate.baselines.cox_baseline import cox_predictions
from pipelines.stages.evaluate.heads.protocol import Predictions, Yardstick
from pipelines.stages.evaluate.rows import TestRows

ReadPart = Callable[[str, Mapping[str, str]], Mapping[str, NDArray[Any]]]
"""Reads columns of raw rows of a part of the training set, by name and kind."""


@dataclass(frozen=True, slots=True)
class BaselinePredictions:
    """What a baseline predicts of every test row.

    Attributes:
        name: Its name in ``metrics.json``.
        title: What it is, for people.
        predictions: By name, as the head's.
        facts: What it was fitted to.
    """

    name: str
    title: str
    predictions: Predictions
    facts: Mapping[str, Any] = field(default_factory=dict)


def baselines_of(
    pipeline: Pipeline, rows: TestRows, yardstick: Yardstick, read: ReadPart
) -> Iterator[BaselinePredictions]:
    """The base rate, and the declared baseline after it; none for heads that have no such baselines."""
    head: Head = pipeline.head
    if not isinstance(head, Survival):
        return
    labels, count = yardstick.training_labels, len(rows.labels)
    rate = base_rate_predictions(head, labels, count)
    yield BaselinePredictions("base_rate", "Incidence of the training rows", rate)
    declared = pipeline.evaluation.baseline
    if declared is None:
        return
    kinds = {name: pipeline.program().kinds.get(name, "number") for name in declared.inputs}
    train, test = read(TRAIN, kinds), read(TEST, kinds)
    found, facts = cox_predictions(head, declared, train, test, labels)
    title = f"Cox model of {', '.join(declared.inputs)}"
    yield BaselinePredictions("cox", title, found, facts)
