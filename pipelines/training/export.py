"""Writing a trained network: plain weights for us, a SavedModel and an MLflow model for others.

Why: judging needs the numbers alone; serving needs a graph that takes features as they are in
    the feature table, so the scaler is part of it.
Promise: ``weights/``, ``model.json`` and ``scaler.json`` are the same bytes for the same weights;
    the SavedModel and the MLflow folder hold fingerprints and times, and are volatile.
"""

import importlib.metadata
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

SIGNATURE = "serving_default"
VOLATILE = ("saved_model/", "mlflow_model/")
REQUIREMENTS = ("mlflow", "tensorflow", "keras", "numpy", "pandas")


def export_model(out: Path, model: Any, scaler: dict[str, Any], about: dict[str, Any]) -> None:
    """Write every form of the model below ``out``.

    Args:
        out: Folder of the artifact.
        model: Trained Keras model, in any strategy.
        scaler: ``features``, ``mean`` and ``deviation`` of the training set.
        about: Short facts for the MLflow model's metadata.
    """
    weights = [(v.path, np.asarray(v.numpy())) for v in model.weights]
    _write_weights(out / "weights", weights)
    (out / "model.json").write_text(json.dumps(json.loads(model.to_json()), indent=1) + "\n")
    (out / "scaler.json").write_text(json.dumps(scaler, indent=1) + "\n")
    _write_saved_model(out / "saved_model", model, scaler)
    _write_mlflow_model(out / "mlflow_model", out / "saved_model", scaler["features"], about)


def _write_weights(folder: Path, weights: list[tuple[str, Any]]) -> None:
    folder.mkdir()
    index = []
    for n, (path, values) in enumerate(weights):
        np.save(folder / f"{n:02d}.npy", values)
        index.append({"file": f"{n:02d}.npy", "name": path, "shape": list(values.shape)})
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")


class _Scorer(tf.Module):
    """Features as the feature table has them, in; the probability of the event, out."""

    def __init__(self, model: Any, scaler: dict[str, Any]) -> None:
        super().__init__(name="scorer")
        self.model, self._features = model, list(scaler["features"])
        # In float64 and rounded once, what is no number being the mean, as preprocessing does.
        self._mean = tf.constant(scaler["mean"], tf.float64)
        self._deviation = tf.constant(scaler["deviation"], tf.float64)

    def score(self, **columns: Any) -> dict[str, Any]:
        raw = tf.stack([columns[name] for name in self._features], axis=1)
        x = (raw - self._mean) / self._deviation
        x = tf.cast(tf.where(tf.math.is_finite(x), x, tf.zeros_like(x)), tf.float32)
        return {"score": tf.sigmoid(self.model({"x": x}, training=False)[:, 0])}


def _write_saved_model(folder: Path, model: Any, scaler: dict[str, Any]) -> None:
    # A mirrored variable cannot be served: the copy lives outside the strategy.
    plain = keras.models.model_from_json(model.to_json())
    plain.set_weights(model.get_weights())
    scorer = _Scorer(plain, scaler)
    spec = {n: tf.TensorSpec((None,), tf.float64, name=n) for n in scaler["features"]}
    concrete = tf.function(scorer.score).get_concrete_function(**spec)
    tf.saved_model.save(scorer, str(folder), signatures={SIGNATURE: concrete})


def _write_mlflow_model(
    folder: Path, saved_model: Path, features: list[str], about: dict[str, Any]
) -> None:
    """An MLflow model around the SavedModel, that pyfunc feeds with a table of features.

    Written with MLflow's own classes but without ``mlflow.tensorflow.save_model``: that takes
    no signature of named columns for a module, and guesses requirements by importing everything.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    folder.mkdir()
    shutil.copytree(saved_model, folder / "saved_model")
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", name) for name in features]),
        outputs=Schema([ColSpec("float", "score")]),
    )
    described = Model(signature=signature, metadata=about)
    described.add_flavor(
        "tensorflow",
        saved_model_dir="saved_model",
        model_type="tf1-estimator",  # MLflow's word for a SavedModel called by its signature
        meta_graph_tags=["serve"],
        signature_def_key=SIGNATURE,
    )
    pyfunc.add_to_model(
        described,
        loader_module="mlflow.tensorflow",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
    )
    described.save(str(folder / "MLmodel"))
    _write_environment(folder)


def _write_environment(folder: Path) -> None:
    from mlflow.utils.environment import _mlflow_conda_env, _PythonEnv

    needed = [f"{name}=={importlib.metadata.version(name)}" for name in REQUIREMENTS]
    (folder / "requirements.txt").write_text("\n".join(needed) + "\n")
    _mlflow_conda_env(str(folder / "conda.yaml"), additional_pip_deps=needed)
    _PythonEnv.current().to_yaml(str(folder / "python_env.yaml"))
