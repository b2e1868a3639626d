"""The forward pass of a published network in plain NumPy.

Why: importing TensorFlow costs more CPU than everything else that evaluating does.
Promise: scores are computed in float64 and rounded once to float32, so they do not depend on how
    many threads multiplied the matrices; they equal Keras's to float32 rounding.
"""

import importlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import ConfigError, listed

# Hidden values of 512 rows stay in the cache: 500 of them a row take a third of the time that 16,384 rows take.
CHUNK_ROWS = 512
# On a GPU a call costs more than its arithmetic, unless there is much of it.
DEVICE_CHUNK_ROWS = 1 << 17
# How training writes several networks in one: a product for each member.
OF_MEMBERS, EQUATION = "EinsumDense", "bmi,mio->bmo"
ERF = np.vectorize(math.erf, otypes=[np.float64])

Array = NDArray[np.float64]


def _gelu(z: Array) -> Array:
    return 0.5 * z * (1.0 + _erf(z / math.sqrt(2.0)))


def _erf(z: Any) -> Array:
    if isinstance(z, np.ndarray):
        found: Array = ERF(z)
        return found
    on_device: Array = importlib.import_module("cupyx.scipy.special").erf(z)
    return on_device


def sigmoid(z: Array) -> Array:
    """``1 / (1 + exp(-z))`` without overflow on either side."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, small) / (1.0 + small)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
    "gelu": _gelu,
    "silu": lambda z: z * sigmoid(z),
    "swish": lambda z: z * sigmoid(z),
    "softplus": lambda z: np.logaddexp(z, 0.0),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A dense layer: kernel ``(n_in, n_out)``, bias ``(n_out,)``, name of its activation.

    Of several networks in one ``(members, n_in, n_out)`` and ``(members, 1, n_out)``.
    """

    kernel: Array
    bias: Array
    activation: str


@dataclass(frozen=True, slots=True)
class Scorer:
    """A published model that scores rows as preprocessing made them.

    Attributes:
        layers: Dense layers, first to last.
        chunk_rows: Rows that go through the layers at once; the scores do not depend on it.
    """

    layers: tuple[Layer, ...]
    chunk_rows: int = CHUNK_ROWS

    def on(self, xp: Any) -> "Scorer":
        """The same with its weights as arrays of that module, numpy or cupy, whose arrays it then scores."""
        if xp is np:
            return self
        return Scorer(
            tuple(
                Layer(xp.asarray(each.kernel), xp.asarray(each.bias), each.activation)
                for each in self.layers
            ),
            DEVICE_CHUNK_ROWS,
        )

    def score(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of the event of rows ``(n_rows, n_inputs)``, from the first output; the members' mean."""
        return sigmoid(self.outputs(x)[..., 0]).mean(axis=0).astype(np.float32)

    def outputs(self, x: NDArray[np.float32]) -> Array:
        """Outputs of each member for each row, ``(members, n_rows, n_outputs)``; one network is one member."""
        size = self.chunk_rows
        starts = range(0, max(len(x), 1), size)
        return np.concatenate([self._chunk(x[n : n + size]) for n in starts], axis=1)

    def _chunk(self, x: NDArray[np.float32]) -> Array:
        values: Array = x.astype(np.float64)
        for layer in self.layers:
            values = values @ layer.kernel
            values += layer.bias
            values = ACTIVATIONS[layer.activation](values)
        return values if values.ndim > x.ndim else values[None]


def is_plain(model: Path) -> bool:
    """Whether a published network is dense layers over numeric features, one after another.

    So are several networks in one, each of whose layers is a product for each member.
    """
    config = json.loads((model / "model.json").read_text())["config"]["layers"]
    inputs = [c["config"]["name"] for c in config if c["class_name"] == "InputLayer"]
    known = {"InputLayer", "Dense", "Dropout", "RepeatVector", OF_MEMBERS}
    plain = all(c["class_name"] in known for c in config)
    products = {c["config"]["equation"] for c in config if c["class_name"] == OF_MEMBERS}
    return plain and products <= {EQUATION} and inputs in ([], ["x"])


def open_scorer(model: Path) -> Scorer:
    """Read a published model's weights and activations.

    Raises:
        ConfigError: A layer's activation is not one of ``ACTIVATIONS``.
    """
    values = {
        entry["name"]: np.load(model / "weights" / entry["file"]).astype(np.float64)
        for entry in json.loads((model / "weights" / "index.json").read_text())
    }
    config = json.loads((model / "model.json").read_text())["config"]["layers"]
    return Scorer(
        tuple(
            _layer(c["config"], values)
            for c in config
            if c["class_name"] in ("Dense", OF_MEMBERS)
        )
    )


def _layer(config: dict[str, Any], values: dict[str, Array]) -> Layer:
    name, activation = config["name"], config["activation"]
    if activation not in ACTIVATIONS:
        raise ConfigError(
            f"model.activation {activation!r} cannot be evaluated. Known: "
            f"{listed(sorted(ACTIVATIONS), limit=len(ACTIVATIONS))}."
        )
    kernel, bias = (
        next(v for n, v in values.items() if n.endswith(f"{name}/{part}"))
        for part in ("kernel", "bias")
    )
    return Layer(kernel, bias if bias.ndim == 1 else bias[:, None], activation)
