"""The rows of each step, cut into a piece for every replica.

Why: a run that was killed must go on with exactly the rows it had not seen.
Promise: each epoch visits every row once; a step's rows are cut over the replicas without loss or
    repetition; any position is reached directly.
Not here: the order (``order.py``), what a step computes (``steps.py``).

Several steps travel to the devices as one block of fixed shape, so that one compiled function
serves the whole run. Where a batch is not full, the rest is rows of weight 0: they add exactly
nothing to a sum of gradients. They repeat the step's first row, because zeros would be rows that no
table has: a network may divide by them, and ``row_adam`` would touch the embedding of id 0.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.train.cursor import Cursor
from pipelines.stages.train.order import Epoch, epoch_order
from pipelines.stages.train.pool import Pools
from pipelines.stages.train.shards import LABEL, Rows, Shards

STEPS_PER_BLOCK = 64
BLOCK_BYTES = 32 << 20
IN_ORDER = -1


@dataclass(frozen=True, slots=True)
class Block:
    """Some steps' rows, a piece for each replica.

    Attributes:
        inputs: What the network reads, by name, ``(replicas, block_steps, piece_rows, ...)``.
        y: Labels, ``(replicas, block_steps, piece_rows)``.
        weight: Weight of each row, 0 for filling, same shape as ``y``.
        total: Sum of each step's weights over all replicas, ``(block_steps,)``.
        rows: Rows of each real step; steps beyond these are filling.
    """

    inputs: Rows
    y: NDArray[np.float32]
    weight: NDArray[np.float32]
    total: NDArray[np.float32]
    rows: tuple[int, ...]

    def step(self, step: int) -> Rows:
        """A step's real rows in their order, labels included, each ``(rows, ...)``."""
        everything = self.inputs | {LABEL: self.y}
        pieces = {
            name: array[:, step].reshape(-1, *array.shape[3:])
            for name, array in everything.items()
        }
        return {name: array[: self.rows[step]] for name, array in pieces.items()}


@dataclass(frozen=True, slots=True)
class Feed:
    """Blocks of rows from any cursor on.

    Attributes:
        shards: The rows.
        seed: Seed of the order.
        batch_rows: Rows of one step, over all replicas.
        replicas: Pieces that a step's rows are cut into.
        micro_batches: Equal parts that a piece must have.
        pool_bytes: Memory of a pool in which rows are shuffled.
        class_weights: Weight of a row of label 0, 1, ...; empty for 1 each.
    """

    shards: Shards
    seed: int
    batch_rows: int
    replicas: int
    micro_batches: int = 1
    pool_bytes: int = 256 << 20
    class_weights: tuple[float, ...] = ()

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch, the last one short where the rows do not divide."""
        return -(-self.shards.rows // self.batch_rows)

    @property
    def piece_rows(self) -> int:
        """Rows of a replica's piece, filling included."""
        return -(-self.batch_rows // (self.replicas * self.micro_batches)) * self.micro_batches

    @property
    def block_steps(self) -> int:
        """Steps in a block: many, but no more than an epoch has or ``BLOCK_BYTES`` hold."""
        step_bytes = self.piece_rows * self.replicas * (self.shards.row_bytes + 4)
        most = min(STEPS_PER_BLOCK, self.steps_per_epoch)
        return int(np.clip(BLOCK_BYTES // step_bytes, 1, most))

    def order(self, epoch: int) -> Epoch:
        """The order of an epoch; of ``IN_ORDER`` the rows' own."""
        pool_rows = max(self.pool_bytes // self.shards.row_bytes, 1)
        return epoch_order(self.shards.starts, pool_rows, self.seed, epoch)

    def blocks(self, cursor: Cursor, epochs: int) -> Iterator[Block]:
        """Blocks from the cursor to the last epoch's end; none crosses from one into the next."""
        position = cursor.position
        with ThreadPoolExecutor(1, thread_name_prefix="pool") as reader:
            pools = Pools(self.shards, reader)
            for epoch in range(cursor.epoch, epochs):
                yield from self._epoch(pools, self.order(epoch), position)
                position = 0

    def in_order(self) -> Iterator[Block]:
        """Every row once, in its own order."""
        with ThreadPoolExecutor(1, thread_name_prefix="pool") as reader:
            yield from self._epoch(Pools(self.shards, reader), self.order(IN_ORDER), 0)

    def _epoch(self, pools: Pools, order: Epoch, position: int) -> Iterator[Block]:
        for start in range(position, self.shards.rows, self.block_steps * self.batch_rows):
            yield self._block(pools, order, start)

    def _block(self, pools: Pools, order: Epoch, start: int) -> Block:
        """A block from a place of the epoch on, the last batch as short as it is."""
        steps, piece = self.block_steps, self.piece_rows
        flat = self.shards.empty(self.replicas * steps * piece)
        weight = np.zeros((self.replicas, steps, piece), np.float32)
        end, sizes = min(start + steps * self.batch_rows, self.shards.rows), []
        for step, place in enumerate(range(start, end, self.batch_rows)):
            sizes.append(min(self.batch_rows, end - place))
            for replica in range(self.replicas):
                rows = min(max(sizes[-1] - replica * piece, 0), piece)
                at = (replica * steps + step) * piece
                pools.fill(order, place + replica * piece, rows, flat, at)
                for array in flat.values():
                    array[at + rows : at + piece] = array[step * piece]
                weight[replica, step, :rows] = 1.0
        shaped = {
            name: array.reshape(self.replicas, steps, piece, *array.shape[1:])
            for name, array in flat.items()
        }
        y = shaped.pop(LABEL)
        if self.class_weights:
            weight *= np.array(self.class_weights, np.float32)[y.astype(np.int64)]
        total = weight.sum(axis=(0, 2), dtype=np.float64).astype(np.float32)
        return Block(shaped, y, weight, total, tuple(sizes))


def read_ahead(source: Iterator[Any]) -> Generator[Any, None, None]:
    """The same things, the next one made in a thread of its own while one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="feed") as maker:
        coming = maker.submit(next, source, None)
        while (made := coming.result()) is not None:
            coming = maker.submit(next, source, None)
            yield made
