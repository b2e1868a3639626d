"""From a declaration to a Keras model.

Why: one function for every kind, so that the loop, the export and a search need not know which.
Promise: outputs are the head's raw numbers ``(n_rows, outputs)``, before any sigmoid or softmax.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import keras

from pipelines.core.errors import ConfigError, listed
from pipelines.spec import (
    AnyModel,
    Binary,
    Builder,
    DeepCross,
    Head,
    LayeredModel,
    Model,
    Recurrent,
    Transformer,
    kind_of,
)
from pipelines.stages.train.heads import head_layer
from pipelines.stages.train.networks.cross import deep_and_crossed
from pipelines.stages.train.networks.inputs import ModelInputs, joined, row_vector
from pipelines.stages.train.networks.layers import Seeds, hidden
from pipelines.stages.train.networks.sequences import gru, transformer

# From a row ``(n_rows, width)``, sequences included where they are read, to the last layer.
LAYERS: Mapping[type[AnyModel], Callable[[Any, Any, Seeds], keras.KerasTensor]] = {
    Model: hidden,
    DeepCross: deep_and_crossed,
    Recurrent: hidden,
    Transformer: hidden,
}
# From a sequence and its length to a vector of the row, for each network that reads them.
SEQUENCE_LAYERS: Mapping[type[AnyModel], Callable[..., keras.KerasTensor]] = {
    Recurrent: gru,
    Transformer: transformer,
}


def build_model(
    declared: AnyModel, inputs: ModelInputs, seed: int, head: Head | None = None
) -> keras.Model:
    """A network over a dict of arrays, ``(n_rows, outputs of the head)``.

    Args:
        declared: What to build.
        inputs: What it reads.
        seed: Seed of its weights and dropout.
        head: What it predicts; ``Binary`` by default.

    Raises:
        ConfigError: It is made for sequences and there are none, or a builder does not return a
            tensor ``(n_rows, width)``, normalises by batches, or has losses of its own.
    """
    arrays, seeds = inputs.layers(), Seeds(seed)
    if isinstance(declared, Builder):
        body = _own(declared, arrays, seed)
    else:
        body = _declared(declared, arrays, inputs, seeds)
    outputs = head_layer(head or Binary(), body, seeds)
    model = keras.Model(arrays, outputs, name="network")
    if isinstance(declared, Builder):
        _require_rows_by_themselves(declared, model)
    return model


def _declared(
    declared: Any, arrays: Mapping[str, Any], inputs: ModelInputs, seeds: Seeds
) -> keras.KerasTensor:
    row = row_vector(arrays, inputs, declared.embedding_dim, seeds, declared.members)
    if declared.reads_sequences:
        parts = [] if row is None else [row]
        parts += _sequences(declared, arrays, inputs, seeds)
        row = joined(parts, "row_and_sequences")
    if row is None:
        raise ConfigError(
            "The training set has sequences only, and model is "
            f"{kind_of(declared)!r}, which reads none. Use model=recurrent or model=transformer."
        )
    return LAYERS[type(declared)](row, declared, seeds)


def _sequences(
    declared: LayeredModel, arrays: Mapping[str, Any], inputs: ModelInputs, seeds: Seeds
) -> list[Any]:
    if not inputs.sequences:
        raise ConfigError(
            f"model {kind_of(declared)!r} reads sequences, and the pipeline declares none. Declare "
            f"a sequence feature, or use model=dense or model=deep_cross."
        )
    read = SEQUENCE_LAYERS[type(declared)]
    return [
        read(arrays[f"seq_{each.name}"], arrays[f"len_{each.name}"], declared, each.name, seeds)
        for each in inputs.sequences
    ]


def _own(declared: Builder, arrays: Mapping[str, Any], seed: int) -> keras.KerasTensor:
    module, _, name = declared.function.rpartition(".")
    function = getattr(importlib.import_module(module), name, None)
    if function is None:
        raise ConfigError(f"model.function: {module} has no function {name!r}.")
    body = function(dict(arrays), seed, **dict(declared.settings))
    shape = getattr(body, "shape", None)
    if shape is None or len(shape) != 2:  # noqa: PLR2004  rows and width
        raise ConfigError(
            f"model.function {declared.function} returned {type(body).__name__} of shape {shape}; "
            f"expected a Keras tensor (n_rows, width) made from the inputs {listed(list(arrays))}."
        )
    return body


def _require_rows_by_themselves(declared: Builder, model: Any) -> None:
    """The loop sums the head's losses of rows, and rows of weight 0 fill the last batch."""
    layers = model._flatten_layers(include_self=False)
    batch = [n.name for n in layers if isinstance(n, keras.layers.BatchNormalization)]
    if batch:
        raise ConfigError(
            f"model.function {declared.function} has layers that mean over the batch "
            f"({listed(batch)}); their statistics would change with the replicas and with what "
            f"fills the last batch. Use keras.layers.LayerNormalization or GroupNormalization."
        )
    if model.losses:
        raise ConfigError(
            f"model.function {declared.function} has {len(model.losses)} losses of its layers' "
            f"own (regularizers, add_loss), which training would leave out: it sums the head's "
            f"loss of rows. Leave them out, and use training.optimizer=adamw with "
            f"training.weight_decay."
        )
