"""Scoring through a model's own SavedModel, for every network that is not dense.

Why: a recurrent network or an embedding has no forward pass of ours in NumPy.
Promise: rows go through in chunks of one size, so a row's score does not depend on how many there
    are, nor on the machine's GPUs, which are left to training; TensorFlow is imported only where
    this is used.
Not here: dense networks (``dense.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.serving import TENSORS
from pipelines.shared.compute.tensorflow import tensorflow_on_cpu

CHUNK_ROWS = 8192
RAW, ARRAYS = "serving_default", "arrays"

KINDS = {tensor: kind for kind, tensor in TENSORS.items()}

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class GraphModel:
    """A published model, called by its signatures.

    Attributes:
        loaded: What TensorFlow loaded.
        columns: ``number``, ``integer`` or ``text``, by raw column that it reads.
    """

    loaded: Any
    columns: Mapping[str, str]

    def of_arrays(self, arrays: Columns) -> dict[str, NDArray[Any]]:
        """The head's predictions of model inputs."""
        return _called(self.loaded.signatures[ARRAYS], arrays)

    def of_rows(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Predictions of raw rows, one column each."""
        return _called(self.loaded.signatures[RAW], columns)


def open_graph(model: Path) -> GraphModel:
    """Load a published model's SavedModel."""
    tf = tensorflow_on_cpu()
    loaded = tf.saved_model.load(str(model / "saved_model"))
    given = loaded.signatures[RAW].structured_input_signature[1]
    return GraphModel(loaded, {n: KINDS[spec.dtype.name] for n, spec in given.items()})


def _called(signature: Any, columns: Columns) -> dict[str, NDArray[Any]]:
    """Call in chunks, the last one filled up by repeating its rows."""
    import tensorflow as tf

    rows = len(next(iter(columns.values())))
    found: dict[str, list[NDArray[Any]]] = {}
    for start in range(0, rows, CHUNK_ROWS):
        count = min(CHUNK_ROWS, rows - start)
        chosen = start + np.arange(CHUNK_ROWS) % count
        outputs = signature(
            **{name: tf.constant(values[chosen]) for name, values in columns.items()}
        )
        for name, values in outputs.items():
            found.setdefault(name, []).append(values.numpy()[:count])
    return {name: np.concatenate(parts) for name, parts in found.items()}
