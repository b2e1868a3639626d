"""Sequences in a program: a block is split into columns, transformed, and assembled again.

Why: a number of an event is transformed like any other column; only its layout differs.
Promise: a missing event is part of no statistic, and is 0.0 in the model's input whatever the
    steps return for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.operators.array_types import Tensor


@dataclass(frozen=True, slots=True)
class SequenceBlock:
    """The layout of one sequence.

    Attributes:
        name: Name of the sequence, such as ``customer_last_32``.
        steps: Number of events.
        features: Names of an event's numbers, in order.
    """

    name: str
    steps: int
    features: tuple[str, ...]

    def reads(self) -> tuple[str, str]:
        """Its columns in the feature table: the events, and their number."""
        return f"seq_{self.name}", f"len_{self.name}"

    def columns(self) -> tuple[str, ...]:
        """Names of its numbers, each a column of ``n_rows * steps`` values."""
        return tuple(f"{self.name}.{feature}" for feature in self.features)


def opened(
    xp: Any, blocks: Sequence[SequenceBlock], columns: Mapping[str, Any]
) -> dict[str, Any]:
    """The columns, and those of the blocks, unknown where an event is missing."""
    found = dict(columns)
    for block in blocks:
        events, length = (columns[name] for name in block.reads())
        values = events.reshape(len(length), block.steps, len(block.features))
        present = xp.arange(block.steps)[None, :] < length[:, None]
        for nth, name in enumerate(block.columns()):
            one = values[:, :, nth].astype(xp.float64)
            found[name] = xp.where(present & xp.isfinite(one), one, xp.nan).reshape(-1)
    return found


def closed(
    xp: Any, block: SequenceBlock, length: Any, outputs: Sequence[Any], into: Any
) -> None:
    """Write a block's columns into ``(n_rows, steps, features)``."""
    present = xp.arange(block.steps)[None, :] < length[:, None]
    for nth, values in enumerate(outputs):
        narrow = values.astype(xp.float32).reshape(present.shape)
        into[:, :, nth] = xp.where(present & xp.isfinite(narrow), narrow, xp.float32(0))


def opened_graph(
    tf: Any, blocks: Sequence[SequenceBlock], columns: Mapping[str, Any]
) -> dict[str, Any]:
    """``opened`` for tensors."""
    found = dict(columns)
    for block in blocks:
        events, length = (columns[name] for name in block.reads())
        values = tf.reshape(events, (-1, block.steps, len(block.features)))
        present = tf.sequence_mask(length, block.steps)
        for nth, name in enumerate(block.columns()):
            one = tf.cast(values[:, :, nth], tf.float64)
            unknown = tf.constant(float("nan"), tf.float64)
            known = tf.logical_and(present, tf.math.is_finite(one))
            found[name] = tf.reshape(tf.where(known, one, unknown), (-1,))
    return found


def closed_graph(tf: Any, block: SequenceBlock, length: Any, outputs: Sequence[Any]) -> Tensor:
    """``closed`` for tensors."""
    present = tf.sequence_mask(length, block.steps)
    made = []
    for values in outputs:
        narrow = tf.reshape(tf.cast(values, tf.float32), tf.shape(present))
        known = tf.logical_and(present, tf.math.is_finite(narrow))
        made.append(tf.where(known, narrow, tf.zeros_like(narrow)))
    return tf.ensure_shape(tf.stack(made, axis=2), (None, block.steps, len(made)))
