"""The serving graph: a row of the feature table in, the head's predictions out.

Why: a serving program must not reimplement preprocessing, and so cannot get it wrong.
Promise: the fitted preprocessing of the training set is part of the graph; it loads where only
    TensorFlow is; golden rows with their predictions are stored beside it.
Not here: other forms of the model (``export.py``), checking golden rows (``pipelines/stages/promote/``).
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.operators.program import FittedProgram
from pipelines.operators.serving import serving_signature, serving_transform
from pipelines.shared.scoring.decision import Decision
from pipelines.spec import Head
from pipelines.stages.train.heads import predictions
from pipelines.stages.train.networks import ModelInputs
from pipelines.stages.train.served_probability import served_probability

RAW, ARRAYS = "serving_default", "arrays"
GOLDEN_ROWS = 64
BATCH_ROWS = 8192

Columns = dict[str, Any]


class Prepared:
    """The fitted preprocessing of a training set, in the graph.

    Attributes:
        fitted: The same, to be written.
        specs: ``TensorSpec`` of each column of the feature table that it reads.
        columns: Type of each.
        transform: From columns to model inputs.
    """

    def __init__(self, fitted: FittedProgram) -> None:
        self.fitted = fitted
        self.specs = serving_signature(tf, fitted)
        self.columns = {name: spec.dtype for name, spec in self.specs.items()}
        self.transform = serving_transform(tf, fitted)


class Served(tf.Module):
    """A model with its preprocessing, as two signatures."""

    def __init__(
        self, model: Any, head: Head, prepared: Prepared, decision: Decision | None = None
    ) -> None:
        super().__init__(name="served")
        self.model, self._head, self._decision = model, head, decision
        self.transform = prepared.transform  # its lookup tables are saved with this module

    def from_rows(self, **columns: Any) -> Columns:
        """Predictions of rows as the feature table has them, one column each."""
        return as_columns(self.from_arrays(**self.transform(columns)))

    def from_arrays(self, **arrays: Any) -> Columns:
        """Predictions of model inputs, as the head gives them; of an event its probability beside the score."""
        found = predictions(self._head, self.model(arrays, training=False))
        if self._decision is None:
            return found
        return {
            **found,
            "probability": served_probability(self._decision.calibration, found["score"]),
        }


def as_columns(predicted: Mapping[str, Any]) -> Columns:
    """Predictions with one number a row each: ``probabilities`` becomes ``probabilities_0``, ..."""
    columns: Columns = {}
    for name, values in predicted.items():
        if values.shape.rank == 1:
            columns[name] = values
        else:
            columns |= {f"{name}_{n}": values[:, n] for n in range(values.shape[1])}
    return columns


def write_saved_model(
    folder: Path, served: Served, prepared: Prepared, inputs: ModelInputs
) -> Columns:
    """Save both signatures.

    Returns:
        The signatures as functions, by name.
    """
    arrays = {
        name: tf.TensorSpec((None, *shape), kind, name=name)
        for name, (shape, kind) in inputs.shapes().items()
    }
    signatures = {
        RAW: tf.function(served.from_rows).get_concrete_function(**prepared.specs),
        ARRAYS: tf.function(served.from_arrays).get_concrete_function(**arrays),
    }
    tf.saved_model.save(served, str(folder), signatures=signatures)
    return signatures


def write_golden(path: Path, rows: Columns, arrays: Columns, signatures: Columns) -> None:
    """Write raw rows, and the model's predictions of the arrays that preprocessing made of them.

    The graph's own preprocessing is not used, so that comparing both checks it.
    """
    predicted = as_columns(
        signatures[ARRAYS](**{name: tf.constant(values) for name, values in arrays.items()})
    )
    golden = {
        "rows": {name: _plain(values.tolist()) for name, values in rows.items()},
        "predictions": {name: values.numpy().tolist() for name, values in predicted.items()},
    }
    path.write_text(json.dumps(golden, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """JSON has no NaN: an unknown number is null, that of an event too."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def measured(signature: Any, rows: Columns) -> dict[str, float]:
    """Milliseconds of one row and of a batch through the raw signature, and rows a second."""
    one = {name: tf.constant(values[:1]) for name, values in rows.items()}
    many = {n: tf.constant(np.resize(v, (BATCH_ROWS, *v.shape[1:]))) for n, v in rows.items()}
    single, batch = _milliseconds(signature, one, 50), _milliseconds(signature, many, 5)
    return {
        "row_ms_median": float(np.median(single)),
        "row_ms_p95": float(np.percentile(single, 95)),
        "batch_rows": float(BATCH_ROWS),
        "batch_ms_median": float(np.median(batch)),
        "rows_per_s": BATCH_ROWS / float(np.median(batch)) * 1e3,
    }


def _milliseconds(signature: Any, columns: Columns, calls: int) -> list[float]:
    signature(**columns)  # the first call builds its executor
    took = []
    for _ in range(calls):
        began = time.perf_counter()
        signature(**columns)
        took.append((time.perf_counter() - began) * 1e3)
    return took
