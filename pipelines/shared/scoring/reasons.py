"""Why a row has its score: what each feature adds to its log-odds, compared with a reference row.

Why: whoever blocks a card must say what raised its score, in the names of the declared features.
Promise: contributions of a row sum to its log-odds less the reference's, which is checked on every row; several
    inputs that are made of one feature are one contribution. The same model and row give the same contributions.
Not here: how they are made (``path_attribution.py`` of a dense network, ``sampled_attribution.py`` of any other),
    the reference (``reference_row.py``).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.core.errors import ArtifactError, ConfigError
from pipelines.operators.lines import Line
from pipelines.operators.operator import IDS, SEQUENCE
from pipelines.operators.program import FittedProgram
from pipelines.operators.state import PROGRAM, read_program
from pipelines.protocol import stage_of
from pipelines.shared.scoring.dense import Layer, is_plain, open_scorer
from pipelines.shared.scoring.graph import GraphModel, open_graph
from pipelines.shared.scoring.path_attribution import attributed, log_odds
from pipelines.shared.scoring.reference_row import program_columns, reference_row
from pipelines.shared.scoring.sampled_attribution import InputColumn, log_odds_of, sampled

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]
Features = Mapping[str, Sequence[InputColumn]]

MODELS = "models"
COMPLETE = 0.01
COMPLETE_AT_LEAST = 1e-3
"""Contributions are complete within 1 % of what they should sum to, or within 0.001 of it."""
REASON = pa.struct([("feature", pa.string()), ("contribution", pa.float32())])


class Attribution(Protocol):
    """One kind of network, and how its log-odds are divided."""

    @property
    def method(self) -> str:
        """What the contributions are, in words."""

    def log_odds(self, arrays: Arrays) -> Floats:
        """Log-odds of the score of each row of model inputs, ``(n_rows,)``."""

    def divided(self, arrays: Arrays, reference: Arrays, features: Features) -> Floats:
        """What each feature adds, ``(n_rows, n_features)``."""


@dataclass(frozen=True, slots=True)
class DenseAttribution:
    """Of dense layers, in NumPy."""

    layers: tuple[Layer, ...]
    method: str = "integrated gradients"

    def log_odds(self, arrays: Arrays) -> Floats:
        """By the layers, in float64."""
        return log_odds(self.layers, arrays["x"])

    def divided(self, arrays: Arrays, reference: Arrays, features: Features) -> Floats:
        """Sums of the inputs' contributions."""
        each = attributed(self.layers, arrays["x"], reference["x"][0])
        found = np.zeros((len(each), len(features)))
        for nth, parts in enumerate(features.values()):
            for part in parts:
                found[:, nth] += each[:, part.nth]
        return found


@dataclass(frozen=True, slots=True)
class GraphAttribution:
    """Of any other network, by its own graph."""

    graph: GraphModel
    method: str = "Shapley values by sampled orders"

    def log_odds(self, arrays: Arrays) -> Floats:
        """Of the float32 scores."""
        return log_odds_of(self.graph.of_arrays(arrays)["score"])

    def divided(self, arrays: Arrays, reference: Arrays, features: Features) -> Floats:
        """By sampled orders of the features."""
        return sampled(self.log_odds, arrays, reference, list(features.values()))


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains the scores of one published model.

    Attributes:
        fitted: The model's own preprocessing.
        features: The inputs that are made of each feature, by its name, in the order of the declaration.
        attribution: Divides log-odds.
        reference_inputs: Model inputs of the reference, one row.
        reference: Log-odds of the reference.
    """

    fitted: FittedProgram
    features: Features
    attribution: Attribution
    reference_inputs: Arrays
    reference: float

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of the contributions' columns."""
        return tuple(self.features)

    @property
    def columns(self) -> Mapping[str, str]:
        """Type of each raw column that it reads, as ``read_served`` takes them."""
        return self.fitted.program.kinds

    @property
    def method(self) -> str:
        """What the contributions are, in words."""
        return self.attribution.method

    @property
    def is_exact(self) -> bool:
        """Whether they are computed, not sampled."""
        return isinstance(self.attribution, DenseAttribution)

    def contributions(self, columns: Mapping[str, Any]) -> NDArray[np.float32]:
        """What each feature adds to the log-odds of raw rows, ``(n_rows, n_features)``.

        Args:
            columns: Columns of the feature table, ``(n_rows,)`` each, as a serving graph or a program takes them.

        Raises:
            ArtifactError: They do not add up: the model's weights are damaged.
        """
        return self.of_inputs(self.fitted.transform(np, program_columns(self.fitted, columns)))

    def of_inputs(self, arrays: Arrays) -> NDArray[np.float32]:
        """The same of model inputs, as a training set has them."""
        if not len(next(iter(arrays.values()))):
            return np.zeros((0, len(self.features)), np.float32)
        found = self.attribution.divided(arrays, self.reference_inputs, self.features)
        self._require_complete(found, self.attribution.log_odds(arrays) - self.reference)
        return found.astype(np.float32)

    def _require_complete(self, found: Floats, change: Floats) -> None:
        gap = np.abs(found.sum(axis=1) - change)
        allowed = np.maximum(COMPLETE_AT_LEAST, COMPLETE * np.abs(change))
        wrong = ~(gap <= allowed)
        if wrong.any():
            raise ArtifactError(
                f"The contributions of {int(wrong.sum()):,} of {len(gap):,} rows do not add up to their log-odds (by "
                f"{gap.max():.3g}; within {COMPLETE:.0%} is expected), so the model's weights are not finite or "
                f"damaged. Run {stage_of(MODELS).name} for it again, or declare no reasons."
            )


def open_explainer(model: Path) -> Explainer:
    """An explainer of a published model of an event.

    Raises:
        ConfigError: The model's head is not ``Binary``, so it has no log-odds.
        ArtifactError: The model has no fitted preprocessing.
    """
    _require_event(model)
    if not (model / PROGRAM).exists():
        raise ArtifactError(
            f"{model.name}: the model has no {PROGRAM}, so its inputs cannot be named. Run {stage_of(MODELS).name} for it again."
        )
    fitted = read_program(model)
    attribution = (
        DenseAttribution(open_scorer(model).layers)
        if is_plain(model)
        else GraphAttribution(open_graph(model))
    )
    reference = reference_row(model, fitted)
    return Explainer(
        fitted,
        features_of(fitted),
        attribution,
        reference,
        float(attribution.log_odds(reference)[0]),
    )


def _require_event(model: Path) -> None:
    about = model / "millrace.json"
    head = json.loads(about.read_text())["head"]["kind"] if about.exists() else "binary"
    if head != "binary":
        raise ConfigError(
            f"Reasons are contributions to the log-odds of an event, and this model's head is {head!r}. "
            f"Expected Binary. Declare scoring=Scoring(reasons=0)."
        )


def features_of(fitted: FittedProgram) -> dict[str, list[InputColumn]]:
    """The inputs that are made of each feature.

    Lines that read one column are that feature; one that reads several, as a ratio does, is its own.
    """
    found: dict[str, list[InputColumn]] = {}
    numeric = ids = 0
    for line in fitted.program.lines:
        if line.kind == SEQUENCE:
            continue
        parts = found.setdefault(feature_name(line), [])
        if line.gives() == IDS:
            parts.append(InputColumn("ids", ids))
            ids += 1
        count = len(line.numeric(line.outputs()))
        parts += [InputColumn("x", numeric + n) for n in range(count)]
        numeric += count
    for block in fitted.program.blocks:
        found[block.name] = [InputColumn(name) for name in block.reads()]
    return found


def feature_name(line: Line) -> str:
    """The feature that a line is made of."""
    return line.inputs[0] if len(line.inputs) == 1 else line.start


def reason_codes(
    contributions: NDArray[np.floating], names: Sequence[str], k: int
) -> pa.ListArray:
    """The features that raise each row's log-odds most, largest first; at most k, and none that lowers them.

    Args:
        contributions: ``(n_rows, n_features)``.
        names: Of the features.
        k: Most reasons of a row.

    Returns:
        For each row a list of structs ``feature`` and ``contribution``; of equal contributions the earlier
        feature is first.
    """
    k = min(k, len(names))
    order = np.argsort(-contributions, axis=1, kind="stable")[:, :k]
    top = np.take_along_axis(contributions, order, axis=1)
    raises = top > 0
    offsets = np.concatenate([[0], np.cumsum(raises.sum(axis=1))]).astype(np.int32)
    feature = pa.array(list(names), pa.string()).take(pa.array(order[raises]))
    value = pa.array(top[raises].astype(np.float32))
    reasons = pa.StructArray.from_arrays([feature, value], fields=list(REASON))
    return pa.ListArray.from_arrays(pa.array(offsets), reasons)
