"""The MLflow model: the SavedModel with what MLflow needs to load it by name.

Why: the registry, and programs that load a champion from it, use MLflow's format.
Promise: written with MLflow's own classes but without ``mlflow.tensorflow.save_model``: that takes
    no signature of named columns for a module, and guesses requirements by importing everything.
"""

import importlib.metadata
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.stages.train.serving import RAW

REQUIREMENTS = ("mlflow", "tensorflow", "keras", "numpy", "pandas")
COLUMN_TYPES = {
    "float64": "double",
    "float32": "float",
    "string": "string",
    "int32": "integer",
    "int64": "long",
}


def write_mlflow_model(
    folder: Path,
    saved_model: Path,
    columns: Mapping[str, Any],
    outputs: tuple[str, ...],
    about: Mapping[str, Any],
) -> None:
    """Write an MLflow model around a SavedModel, that pyfunc feeds with a table of raw rows.

    Args:
        folder: Where.
        saved_model: The SavedModel.
        columns: ``TensorSpec`` of each input column; a sequence's block is a column of lists.
        outputs: Names of the outputs, each one number a row.
        about: Short facts for its metadata.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    folder.mkdir()
    shutil.copytree(saved_model, folder / "saved_model")
    signature = ModelSignature(
        inputs=Schema([ColSpec(_column_type(spec), name) for name, spec in columns.items()]),
        outputs=Schema([ColSpec("float", name) for name in outputs]),
    )
    described = Model(signature=signature, metadata=dict(about))
    described.add_flavor(
        "tensorflow",
        saved_model_dir="saved_model",
        model_type="tf1-estimator",  # MLflow's word for a SavedModel called by its signature
        meta_graph_tags=["serve"],
        signature_def_key=RAW,
    )
    pyfunc.add_to_model(
        described,
        loader_module="mlflow.tensorflow",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
    )
    described.save(str(folder / "MLmodel"))
    _write_environment(folder)


def _column_type(spec: Any) -> Any:
    from mlflow.types import DataType
    from mlflow.types.schema import Array

    of_one = DataType[COLUMN_TYPES[spec.dtype.name]]
    return of_one if spec.shape.rank == 1 else Array(of_one)


def _write_environment(folder: Path) -> None:
    from mlflow.utils.environment import _mlflow_conda_env, _PythonEnv

    needed = [f"{name}=={importlib.metadata.version(name)}" for name in REQUIREMENTS]
    (folder / "requirements.txt").write_text("\n".join(needed) + "\n")
    _mlflow_conda_env(str(folder / "conda.yaml"), additional_pip_deps=needed)
    _PythonEnv.current().to_yaml(str(folder / "python_env.yaml"))
