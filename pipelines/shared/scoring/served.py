"""A published model as it serves: raw columns of a feature table in, the head's predictions out.

Why: a day that is scored and a champion that is evaluated must get one score for one row.
Promise: rows are prepared by the program that the model itself was fitted with, whatever is declared now; dense
    networks need no TensorFlow; a row's predictions do not depend on how many rows are given at once, but for a
    unit in the last digit of float32 where a sum lies at the border between two (``dense.py``).
Not here: the forward passes (``dense.py``, ``graph.py``), calibration and decisions (``decision.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.program import FittedProgram
from pipelines.operators.state import PROGRAM, read_program
from pipelines.operators.values import on_host
from pipelines.shared.scoring.dense import Scorer, is_plain, open_scorer
from pipelines.shared.scoring.graph import GraphModel, open_graph
from pipelines.shared.scoring.survival import survival_of_members
from pipelines.shared.tables.values import served
from pipelines.spec import Binary, Head, Ordinal, Regression, Survival

Predictions = dict[str, NDArray[Any]]

SCORE = "score"


class ServedModel(Protocol):
    """A model that predicts raw rows."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """``number``, ``integer``, ``text``, ``block`` or ``length``, by column that it reads."""

    def predict(self, columns: Mapping[str, Any], xp: Any = np) -> Predictions:
        """The head's predictions of rows ``(n_rows,)``, as ``tables.values.read_values`` reads them.

        Args:
            columns: Columns by name.
            xp: numpy or cupy, the module of their arrays.
        """


@dataclass(frozen=True, slots=True)
class DenseModel:
    """A network of dense layers behind its fitted program, in NumPy or CuPy."""

    fitted: FittedProgram
    scorer: Scorer
    head: Head

    @property
    def kinds(self) -> Mapping[str, str]:
        """What its program reads."""
        return self.fitted.program.kinds

    def predict(self, columns: Mapping[str, Any], xp: Any = np) -> Predictions:
        """See ``ServedModel.predict``."""
        x, scorer = self.fitted.transform(xp, columns)["x"], self.scorer.on(xp)
        if isinstance(self.head, Survival):
            return survival_of_members(on_host(scorer.outputs(x)), self.head)
        return {SCORE: on_host(scorer.score(x))}


@dataclass(frozen=True, slots=True)
class GraphServed:
    """Any other network, by its SavedModel."""

    graph: GraphModel
    head: Head

    @property
    def kinds(self) -> Mapping[str, str]:
        """What its signature reads."""
        return self.graph.columns

    def predict(self, columns: Mapping[str, Any], xp: Any = np) -> Predictions:
        """See ``ServedModel.predict``."""
        del xp  # the graph's own process uses no GPU
        given = {name: served(on_host(values)) for name, values in columns.items()}
        found = self.graph.of_rows(given)
        return {SCORE: found[SCORE]} if isinstance(self.head, Binary) else matrices(found)


def open_served(model: Path, head: Head) -> ServedModel:
    """A published model, by its folder and the head that it was trained with.

    Raises:
        ConfigError: A layer's activation has no forward pass of ours.
        ArtifactError: The model was published without what it predicts by.
    """
    in_numpy = isinstance(head, Binary | Survival) and is_plain(model)
    if in_numpy and (model / PROGRAM).exists():
        return DenseModel(read_program(model), open_scorer(model), head)
    return GraphServed(open_graph(model), head)


def matrices(columns: Mapping[str, NDArray[Any]]) -> Predictions:
    """Columns ``name_0``, ``name_1``, ... as one matrix again."""
    found: Predictions = {n: v for n, v in columns.items() if n == SCORE}
    for name in {n.rpartition("_")[0] for n in columns if n != SCORE}:
        width = sum(n.rpartition("_")[0] == name for n in columns)
        found[name] = np.stack([columns[f"{name}_{n}"] for n in range(width)], axis=1)
    return found


def predicted(head: Head) -> dict[str, int]:
    """Names of the predictions of a model with this head, and their dimensions: 1, or 2 for a list a row."""
    if isinstance(head, Binary | Regression):
        return {SCORE: 1}
    if isinstance(head, Survival):
        other = {"competing": 2} if head.competing else {}
        return {"survival": 2, **other, SCORE: 1}
    ordered = {SCORE: 1} if isinstance(head, Ordinal) else {}
    return {"probabilities": 2, **ordered}
