"""The inputs of a network: the arrays of a training set, as Keras inputs by name.

Why: the network, the feed and the serving graph must agree on names, shapes and types.
Promise: follows from the training set's index alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Self

import keras
import numpy as np

from pipelines.stages.train.networks.layers import Seeds

MIN_WIDTH, MAX_WIDTH = 2, 64


@dataclass(frozen=True, slots=True)
class SequenceInput:
    """A sequence feature: the last ``steps`` events, ``features`` numbers each."""

    name: str
    steps: int
    features: int


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """The arrays that a network reads.

    Attributes:
        numeric: Columns of ``x``.
        sizes: Ids that each column of ``ids`` can have.
        sequences: Arrays ``seq_NAME`` and ``len_NAME``.
    """

    numeric: int
    sizes: tuple[int, ...] = ()
    sequences: tuple[SequenceInput, ...] = ()

    @classmethod
    def from_index(cls, index: Mapping[str, Any]) -> Self:
        """From a training set's ``index.json``; one without ``inputs`` has numbers only."""
        inputs = index.get("inputs", {"numeric": index["features"]})
        sequences = inputs.get("sequences", ())
        return cls(
            numeric=len(inputs["numeric"]),
            sizes=tuple(int(each["size"]) for each in inputs.get("categorical", ())),
            sequences=tuple(
                SequenceInput(each["name"], int(each["steps"]), len(each["features"]))
                for each in sequences
            ),
        )

    def shapes(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape of one row and type of each array, by name."""
        found: dict[str, tuple[tuple[int, ...], str]] = {}
        if self.numeric:
            found["x"] = ((self.numeric,), "float32")
        if self.sizes:
            found["ids"] = ((len(self.sizes),), "int32")
        for each in self.sequences:
            found[f"seq_{each.name}"] = ((each.steps, each.features), "float32")
            found[f"len_{each.name}"] = ((), "int32")
        return found

    def layers(self) -> dict[str, Any]:
        """A Keras input for each array."""
        return {
            name: keras.Input(shape, dtype=kind, name=name)
            for name, (shape, kind) in self.shapes().items()
        }


def embedding_width(sizes: tuple[int, ...], declared: int) -> int:
    """Width of the embedding table: as declared, or by a rule for the largest vocabulary.

    The rule, ``1.6 * n ** 0.56``, is fastai's (``emb_sz_rule``), here between 2 and 64.
    """
    return declared or int(np.clip(round(1.6 * max(sizes) ** 0.56), MIN_WIDTH, MAX_WIDTH))


def row_vector(
    arrays: Mapping[str, Any],
    inputs: ModelInputs,
    embedding_dim: int,
    seeds: Seeds,
    members: int = 1,
) -> keras.KerasTensor | None:
    """Concatenate numbers and embeddings of a row; None if it has neither.

    All categorical features share one table, each with its range of rows, so that the optimiser has one
    sparse gradient instead of one for each feature. Members have their own columns of it, and the
    result has an axis for them.
    """
    parts = [arrays["x"]] if inputs.numeric else []
    if members > 1:
        parts = [keras.layers.RepeatVector(members, name="members")(part) for part in parts]
    if inputs.sizes:
        width = embedding_width(inputs.sizes, embedding_dim)
        starts = np.array([0, *accumulate(inputs.sizes)][:-1], np.int32)
        table = keras.layers.Embedding(
            sum(inputs.sizes),
            width * members,
            embeddings_initializer=keras.initializers.RandomUniform(
                -0.05, 0.05, seed=seeds.of("embeddings")
            ),
            name="embeddings",
        )
        rows = table(keras.ops.add(arrays["ids"], starts))
        parts.append(_embedded(rows, len(inputs.sizes), width, members))
    return joined(parts, "row")


def _embedded(rows: Any, count: int, width: int, members: int) -> keras.KerasTensor:
    """Embeddings of a row one after another, from ``(n_rows, count, members * width)``."""
    if members == 1:
        return keras.layers.Flatten(name="embedded")(rows)
    apart = keras.layers.Reshape((count, members, width), name="embeddings_apart")(rows)
    by_member = keras.layers.Permute((2, 1, 3), name="embeddings_by_member")(apart)
    return keras.layers.Reshape((members, count * width), name="embedded")(by_member)


def joined(parts: list[Any], name: str) -> keras.KerasTensor | None:
    """Concatenate the parts; None if there are none."""
    if len(parts) < 2:  # noqa: PLR2004  one part needs no joining
        return parts[0] if parts else None
    return keras.layers.Concatenate(name=name)(parts)
