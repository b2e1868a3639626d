"""The rows of each step, in an order that follows from the seed and the epoch alone.

Why: a run that was killed must go on with exactly the rows it had not seen.
Promise: each epoch visits every row once, in an order given by ``(seed, epoch)``; any position
    is reached directly, without replaying what came before.
Not here: what a step computes (``loop.py``).

Several steps travel to the devices as one block of fixed shape, so that one compiled function
serves the whole run. Where a batch is not full, the rest is rows of weight 0: they add exactly
nothing to a sum of gradients.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ArtifactError

STEPS_PER_BLOCK = 64
BLOCK_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a run is; only finished steps count.

    Attributes:
        step: Optimiser steps done.
        epoch: Epoch that the next step belongs to, from 0.
        position: Rows of that epoch already seen.
        loss_sum: Sum of those rows' losses.
        losses: Mean loss of each finished epoch.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    loss_sum: float = 0.0
    losses: tuple[float, ...] = ()

    def after(self, loss: float, rows: int, rows_per_epoch: int) -> Self:
        """Where the run is after one more step over ``rows`` rows."""
        loss_sum, position = self.loss_sum + loss * rows, self.position + rows
        if position < rows_per_epoch:
            return replace(self, step=self.step + 1, position=position, loss_sum=loss_sum)
        losses = (*self.losses, loss_sum / rows_per_epoch)
        return type(self)(step=self.step + 1, epoch=self.epoch + 1, losses=losses)


@dataclass(frozen=True, slots=True)
class Shards:
    """The training rows, memory-mapped: one pair of arrays a day.

    Attributes:
        x: Features of each day, float32, ``(n_rows, n_features)``.
        y: Labels of each day, float32, ``(n_rows,)``.
        starts: First row of each day, then the number of rows, ``(n_days + 1,)``.
    """

    x: tuple[NDArray[np.float32], ...]
    y: tuple[NDArray[np.float32], ...]
    starts: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Rows of all days."""
        return int(self.starts[-1])

    @property
    def n_features(self) -> int:
        """Features of a row."""
        return int(self.x[0].shape[1])

    def positives(self) -> int:
        """Rows with label 1."""
        return sum(int(np.count_nonzero(y)) for y in self.y)

    def take(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Features ``(len(rows), n_features)`` and labels ``(len(rows),)`` in that order."""
        x = np.empty((len(rows), self.n_features), np.float32)
        y = np.empty(len(rows), np.float32)
        day = np.searchsorted(self.starts, rows, side="right") - 1
        for n in np.unique(day):
            here = np.flatnonzero(day == n)
            inside = rows[here] - self.starts[n]
            x[here], y[here] = self.x[n][inside], self.y[n][inside]
        return x, y


def open_shards(training_set: Path) -> Shards:
    """Memory-map the training days of a published training set.

    Raises:
        ArtifactError: A shard's shape is not what the index says.
    """
    index = json.loads((training_set / "index.json").read_text())
    days = [day for day in index["train"] if day["rows"]]
    x = tuple(
        _mapped(training_set, day, "x", (day["rows"], len(index["features"]))) for day in days
    )
    y = tuple(_mapped(training_set, day, "y", (day["rows"],)) for day in days)
    starts = np.concatenate([[0], np.cumsum([day["rows"] for day in days], dtype=np.int64)])
    return Shards(x, y, starts.astype(np.int64))


def _mapped(
    folder: Path, day: dict[str, Any], which: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    array = np.load(folder / day[which], mmap_mode="r")
    if array.shape != shape or array.dtype != np.float32:
        raise ArtifactError(
            f"{day[which]} is {array.dtype} {array.shape}; its index says float32 {shape}. Run "
            f"preprocess again."
        )
    # A memory map's own class costs more than the gather when small pieces are taken.
    return np.asarray(array)


@dataclass(frozen=True, slots=True)
class Block:
    """Some steps' rows, cut into one piece for each replica.

    Attributes:
        x: Features, ``(block_steps, replicas, piece_rows, n_features)``.
        y: Labels, ``(block_steps, replicas, piece_rows)``.
        weight: 1 for a row, 0 for filling, same shape as ``y``.
        rows: Rows of each real step; steps beyond these are filling.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    weight: NDArray[np.float32]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Feed:
    """Blocks of training rows from any cursor on.

    Attributes:
        shards: The rows.
        seed: Seed of the order.
        batch_rows: Rows of one step, over all replicas.
        replicas: Pieces that a step's rows are cut into.
    """

    shards: Shards
    seed: int
    batch_rows: int
    replicas: int

    @property
    def piece_rows(self) -> int:
        """Rows of a replica's piece, filling included."""
        return -(-self.batch_rows // self.replicas)

    @property
    def block_steps(self) -> int:
        """Steps in a block: many, but no more than fit ``BLOCK_BYTES``."""
        step_bytes = 4 * self.piece_rows * self.replicas * (self.shards.n_features + 2)
        return int(np.clip(BLOCK_BYTES // step_bytes, 1, STEPS_PER_BLOCK))

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Every row once, in this epoch's order."""
        philox = np.random.Philox(key=[self.seed, epoch])
        return np.random.Generator(philox).permutation(self.shards.rows)

    def blocks(self, cursor: Cursor, epochs: int) -> Iterator[Block]:
        """Blocks from the cursor to the last epoch's end, the next one made while one is used."""
        with ThreadPoolExecutor(1, thread_name_prefix="feed") as pool:
            source = self._made(cursor, epochs)
            coming = pool.submit(next, source, None)
            while (block := coming.result()) is not None:
                coming = pool.submit(next, source, None)
                yield block

    def _made(self, cursor: Cursor, epochs: int) -> Iterator[Block]:
        position, span = cursor.position, self.block_steps * self.batch_rows
        for epoch in range(cursor.epoch, epochs):
            order = self.order(epoch)
            for start in range(position, len(order), span):
                yield self._block(order[start : start + span])
            position = 0

    def _block(self, rows: NDArray[np.int64]) -> Block:
        """A block over these rows, the last batch as short as it is."""
        x, y = self.shards.take(rows)
        steps, places = np.divmod(np.arange(len(rows)), self.batch_rows)
        shape = (self.block_steps, self.replicas * self.piece_rows)
        filled = [
            np.zeros((*shape, x.shape[1]), np.float32),
            *np.zeros((2, *shape), np.float32),
        ]
        for whole, values in zip(filled, (x, y, np.float32(1)), strict=True):
            whole[steps, places] = values
        cut = (self.block_steps, self.replicas, self.piece_rows)
        sizes = np.bincount(steps)
        return Block(
            x=filled[0].reshape(*cut, x.shape[1]),
            y=filled[1].reshape(cut),
            weight=filled[2].reshape(cut),
            rows=tuple(int(size) for size in sizes),
        )
