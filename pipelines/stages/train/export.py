"""Writing a trained network: plain weights for us, a SavedModel, a Keras file and an MLflow model.

Why: evaluating a dense network needs its weights only; serving needs a graph that takes rows of the
    feature table; other users need a file that Keras opens.
Promise: ``weights/``, ``model.json``, ``program.json``, ``decision.json`` and ``millrace.json`` are the same
    bytes for the same weights; the other forms hold fingerprints and times, and are volatile.
Not here: the serving graph (``serving.py``), MLflow's wrapping (``mlflow_model.py``).
"""

import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipelines.operators.state import write_program
from pipelines.shared.scoring.decision import Decision, write_decision
from pipelines.spec import Head, head_settings
from pipelines.stages.train.mlflow_model import write_mlflow_model
from pipelines.stages.train.networks import ModelInputs
from pipelines.stages.train.serving import (
    RAW,
    Prepared,
    Served,
    measured,
    write_golden,
    write_saved_model,
)

KERAS_FILE, GOLDEN, SERVING = "model.keras", "golden.json", "serving.json"
VOLATILE = ("saved_model/", "mlflow_model/", KERAS_FILE, GOLDEN, SERVING)
VERSIONS = ("tensorflow", "keras", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is written.

    Attributes:
        model: Trained Keras model, in any strategy.
        head: What it predicts.
        inputs: What it reads.
        prepared: Preprocessing in the graph.
        rows: Some raw rows of the training set, columns ``(n_rows,)``.
        arrays: What preprocessing made of the same rows.
        about: Short facts: pipeline, as-of day, seed.
        decision: How a score becomes a probability and a decision; None where rows are not decided over.
    """

    model: Any
    head: Head
    inputs: ModelInputs
    prepared: Prepared
    rows: dict[str, Any]
    arrays: dict[str, Any]
    about: dict[str, Any]
    decision: Decision | None = None


def plain_copy(model: Any) -> keras.Model:
    """The same network and weights outside any strategy: a mirrored variable cannot be served."""
    plain = keras.models.model_from_json(model.to_json())
    plain.set_weights(model.get_weights())
    return plain


def export_model(out: Path, export: Export) -> dict[str, float]:
    """Write every form of the model below ``out``.

    Returns:
        Milliseconds of a row and of a batch through the serving graph, and rows a second.
    """
    model = export.model
    _write_weights(out / "weights", model)
    (out / "model.json").write_text(json.dumps(json.loads(model.to_json()), indent=1) + "\n")
    write_program(out, export.prepared.fitted)
    plain = plain_copy(model)
    plain.save(out / KERAS_FILE)
    if export.decision is not None:
        write_decision(out, export.decision)
    served = Served(plain, export.head, export.prepared, export.decision)
    signatures = write_saved_model(out / "saved_model", served, export.prepared, export.inputs)
    write_golden(out / GOLDEN, export.rows, export.arrays, signatures)
    outputs = tuple(sorted(signatures[RAW].structured_outputs))
    _write_about(out / "millrace.json", export, outputs)
    write_mlflow_model(
        out / "mlflow_model",
        out / "saved_model",
        export.prepared.specs,
        outputs,
        export.about,
    )
    speed = measured(signatures[RAW], export.rows)
    (out / SERVING).write_text(json.dumps(speed, indent=1) + "\n")
    return speed


def _write_about(path: Path, export: Export, outputs: tuple[str, ...]) -> None:
    about = {
        **export.about,
        "head": head_settings(export.head),
        "columns": {name: kind.name for name, kind in export.prepared.columns.items()},
        "inputs": {name: [list(s), kind] for name, (s, kind) in export.inputs.shapes().items()},
        "outputs": list(outputs),
        "parameters": int(export.model.count_params()),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONS},
    }
    path.write_text(json.dumps(about, indent=1) + "\n")


def _write_weights(folder: Path, model: Any) -> None:
    folder.mkdir()
    index = []
    for n, variable in enumerate(model.weights):
        values = np.asarray(variable.numpy())
        np.save(folder / f"{n:02d}.npy", values)
        entry = {"file": f"{n:02d}.npy", "name": variable.path, "shape": list(values.shape)}
        index.append(entry)
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")
