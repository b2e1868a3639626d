"""Declared networks, between the model's inputs and its head.

Why: a pipeline chooses its network in one line, and a search changes its settings by name.
Promise: plain values only; a network follows from its declaration, the model's inputs, the head and
    the seed.
Not here: building it (``pipelines/stages/train/networks/``), the meaning of its outputs
    (``heads.py``).

Every network uses all inputs of the pipeline: numeric features, one embedding for each
categorical feature, and sequences where it supports them. All embeddings are in one table; their
width is ``embedding_dim``, or with 0 follows from the largest vocabulary n as
``1.6 * n ** 0.56``, rounded to an integer between 2 and 64.
"""

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from pipelines.core.declared import declared, nearest
from pipelines.core.errors import ConfigError
from pipelines.spec.network_settings import AnyModel, LayeredModel

__all__ = [
    "AnyModel",
    "Builder",
    "DeepCross",
    "LayeredModel",
    "Model",
    "Recurrent",
    "Transformer",
]
__all__ += ["kind_of", "model_code", "model_settings"]

MOST_MEMBERS = 64


@declared
class Model(LayeredModel):
    """A dense network over numeric features and embeddings, or several of them.

    Attributes:
        hidden: Units of each hidden layer.
        dropout: Share of units dropped after each hidden layer while training.
        activation: Keras activation of the hidden layers.
        embedding_dim: Width of the embeddings of categorical features; 0 for the rule.
        members: Number of such networks with their own initial weights, trained at once on the same rows;
            their mean is predicted (of probabilities, survival curves or amounts).
    """

    smallest: ClassVar[Mapping[str, int]] = {"members": 1}
    hidden: tuple[int, ...] = (500,)
    dropout: float = 0.2
    activation: str = "relu"
    embedding_dim: int = 0
    members: int = 1

    def joint_problems(self) -> Iterator[str]:
        """More members than a mean gains from."""
        if self.members > MOST_MEMBERS:
            yield f"model.members must be {MOST_MEMBERS} or fewer; got {self.members!r}."


@declared
class DeepCross(LayeredModel):
    """A deep & cross network: explicit products of features in parallel to a dense network.

    Each cross layer is ``x0 * (W x + b) + x``. Source: R. Wang et al., "DCN V2: Improved Deep &
    Cross Network and Practical Lessons for Web-scale Learning to Rank Systems", WWW 2021,
    equations 1 and 2 (low rank), the parallel structure.

    Attributes:
        cross_layers: Cross layers, each raising the degree of the products by one.
        cross_rank: Rank of each W; 0 for a full matrix.
        hidden: Units of each hidden layer of the dense network.
        dropout: Share of units dropped after each hidden layer while training.
        activation: Keras activation of the hidden layers.
        embedding_dim: Width of the embeddings; 0 for the rule.
    """

    smallest: ClassVar[Mapping[str, int]] = {"cross_layers": 1, "cross_rank": 0}
    cross_layers: int = 2
    cross_rank: int = 0
    hidden: tuple[int, ...] = (256,)
    dropout: float = 0.2
    activation: str = "relu"
    embedding_dim: int = 0


@declared
class Recurrent(LayeredModel):
    """A GRU over each sequence feature; its state after the last valid step is concatenated to the rest.

    Attributes:
        units: Units of the GRU.
        hidden: Units of each hidden layer over the concatenated inputs.
        dropout: Share of units dropped after each hidden layer while training.
        activation: Keras activation of the hidden layers.
        embedding_dim: Width of the embeddings; 0 for the rule.
    """

    reads_sequences: ClassVar[bool] = True
    smallest: ClassVar[Mapping[str, int]] = {"units": 1}
    units: int = 64
    hidden: tuple[int, ...] = (128,)
    dropout: float = 0.2
    activation: str = "relu"
    embedding_dim: int = 0


@declared
class Transformer(LayeredModel):
    """A causal transformer over each sequence feature, read at the last valid step.

    Pre-norm blocks with learned positions; a step attends to itself and earlier valid steps only.
    Source: A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017; R. Xiong et al., "On
    Layer Normalization in the Transformer Architecture", ICML 2020 (pre-norm).

    Attributes:
        width: Width of a step's vector; a multiple of ``heads``.
        heads: Attention heads.
        blocks: Blocks of attention and dense layers.
        hidden: Units of each hidden layer over the concatenated inputs.
        dropout: Share dropped in the blocks and after each hidden layer while training.
        activation: Keras activation of the hidden layers.
        embedding_dim: Width of the embeddings; 0 for the rule.
    """

    reads_sequences: ClassVar[bool] = True
    smallest: ClassVar[Mapping[str, int]] = {"width": 1, "heads": 1, "blocks": 1}
    width: int = 32
    heads: int = 2
    blocks: int = 2
    hidden: tuple[int, ...] = (128,)
    dropout: float = 0.1
    activation: str = "relu"
    embedding_dim: int = 0

    def joint_problems(self) -> Iterator[str]:
        """A width that the heads do not divide."""
        if self.heads > 0 and self.width % self.heads:
            yield f"model.width={self.width} must be a multiple of model.heads={self.heads}."


@declared
class Builder(AnyModel):
    """The user's own network: a function of the inputs that returns the last layer.

    The function ``(inputs, seed, **settings) -> tensor`` gets the model's Keras inputs by name
    (``x``, ``ids``, ``seq_NAME``, ``len_NAME``) and returns ``(n_rows, width)``; the head is added
    on top. It must draw its initial weights from ``seed`` and name its layers. Each row must depend
    on its own inputs alone: ``BatchNormalization``, and losses other than the head's, are refused.

    Attributes:
        function: Dotted name, ``package.module.function``; all code that it can reach is part of
            the model's digest, so a change trains again.
        settings: ``(name, value)`` pairs passed to it.
    """

    function: str
    settings: tuple[tuple[str, object], ...] = ()

    def problems(self) -> Iterator[str]:
        """A function that is in no Python file."""
        module = self.function.rpartition(".")[0]
        try:
            found = importlib.util.find_spec(module) if module else None
        except ModuleNotFoundError:
            found = None
        if found is None or found.origin is None or not found.origin.endswith(".py"):
            yield (
                f"model.function {self.function!r}: there is no Python module {module!r}. Give the "
                f"dotted name of a function, such as pipelines.domains.fraud_detection.network.build."
            )

    def code(self) -> tuple[str, ...]:
        """The function."""
        return (self.function,)


KINDS: Mapping[str, type[AnyModel]] = {
    "dense": Model,
    "deep_cross": DeepCross,
    "recurrent": Recurrent,
    "transformer": Transformer,
    "builder": Builder,
}
"""Networks by the name that ``--set model=NAME`` and a search take."""


def kind_of(model: AnyModel) -> str:
    """The name of a declared network's kind."""
    return next(name for name, kind in KINDS.items() if isinstance(model, kind))


def model_of_kind(name: str) -> AnyModel:
    """The network of that kind with its default settings.

    Raises:
        ConfigError: There is no such kind, or it has settings without defaults.
    """
    choices = [kind for kind in KINDS if kind != "builder"]
    if name not in choices:
        raise ConfigError(f"model={name!r} is not a kind of network. {nearest(name, choices)}")
    return KINDS[name]()


def model_settings(model: AnyModel) -> dict[str, Any]:
    """What a trained model depends on: the kind and its settings."""
    return {"kind": kind_of(model), **asdict(model)}  # type: ignore[call-overload]


def model_code(model: AnyModel) -> tuple[str, ...]:
    """Dotted names of the user's functions that build the network."""
    return model.code()
