"""What every declared network states of itself, and the settings that most of them share.

Why: checks, searches and the training ask a network these questions, and need not know which it is.
Not here: the networks (``models.py``), building them (``pipelines/stages/train/networks/``).
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipelines.core.declared import nearest

ACTIVATIONS = (
    *("elu", "gelu", "leaky_relu", "linear", "mish", "relu", "relu6", "selu"),
    *("sigmoid", "silu", "softplus", "softsign", "swish", "tanh"),
)


# Larger is a mistyped number: a layer of so many units has gigabytes of weights.
MOST_UNITS = 1 << 16


class AnyModel:
    """A declared network.

    Attributes:
        reads_sequences: Whether it reads sequence features, and needs one.
        members: Number of networks that it consists of.
    """

    reads_sequences: ClassVar[bool] = False
    members: int = 1

    def problems(self) -> Iterator[str]:
        """Settings that are invalid by themselves."""
        yield from ()

    def joint_problems(self) -> Iterator[str]:
        """Settings that are valid alone and not together."""
        yield from ()

    def code(self) -> tuple[str, ...]:
        """Dotted names of the user's functions that build it."""
        return ()


class LayeredModel(AnyModel):
    """A network whose last layers are dense.

    Attributes:
        smallest: The least value of each setting that is a size of its own.
        hidden: Units of each hidden layer.
        dropout: Share of units dropped after each hidden layer while training.
        activation: Keras activation of the hidden layers.
        embedding_dim: Width of the embeddings of categorical features; 0 for the rule.
    """

    smallest: ClassVar[Mapping[str, int]] = {}
    hidden: tuple[int, ...]
    dropout: float
    activation: str
    embedding_dim: int

    def problems(self) -> Iterator[str]:
        """Numbers out of range, or an unknown activation."""
        if not 0 <= self.dropout < 1:
            yield f"model.dropout must be in [0, 1); got {self.dropout!r}."
        if self.activation not in ACTIVATIONS:
            yield f"model.activation {self.activation!r}. {nearest(self.activation, ACTIVATIONS)}"
        if not all(units > 0 for units in self.hidden):
            yield f"model.hidden must be units of 1 or more; got {self.hidden!r}."
        if any(units > MOST_UNITS for units in self.hidden):
            yield f"model.hidden must be units of {MOST_UNITS:,} or fewer; got {self.hidden!r}."
        for name, low in {"embedding_dim": 0, **self.smallest}.items():
            if getattr(self, name) < low:
                yield f"model.{name} must be {low} or more; got {getattr(self, name)!r}."
            if getattr(self, name) > MOST_UNITS:
                yield f"model.{name} must be {MOST_UNITS:,} or fewer; got {getattr(self, name)!r}."
