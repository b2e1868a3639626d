"""The rows of each step, divided over the replicas.

Why: a run that was killed must resume with exactly the rows it had not seen.
Promise: each epoch visits every row once; a step's rows are divided over the replicas without loss
    or repetition; any position is reached directly.
Not here: the order (``epoch_order.py``), what a step computes (``steps.py``).

Several steps are sent to the devices as one block of fixed shape, so that one compiled function
serves the whole run. A batch that is not full is padded with rows of weight 0, which add exactly
nothing to a sum of gradients. Padding repeats the step's first row, because a row of zeros may occur
nowhere in the data: a network may divide by it, and ``row_adam`` would update the embedding of id 0.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.train.cursor import Cursor
from pipelines.stages.train.epoch_order import Epoch, epoch_order
from pipelines.stages.train.row_pools import RowPools
from pipelines.stages.train.shards import LABEL, WEIGHT, Rows, Shards

STEPS_PER_BLOCK = 64
BLOCK_BYTES = 32 << 20
IN_ORDER = -1


@dataclass(frozen=True, slots=True)
class StepBlock:
    """The rows of some consecutive steps, divided over the replicas.

    Attributes:
        inputs: Inputs of the network, by name, ``(replicas, block_steps, replica_rows, ...)``.
        y: Labels, ``(replicas, block_steps, replica_rows)``, or several for a row.
        weight: Weight of each row, 0 for padding, ``(replicas, block_steps, replica_rows)``.
        total: Sum of each step's weights over all replicas, ``(block_steps,)``.
        rows: Rows of each real step; further steps are padding.
    """

    inputs: Rows
    y: NDArray[np.float32]
    weight: NDArray[np.float32]
    total: NDArray[np.float32]
    rows: tuple[int, ...]

    def step(self, step: int) -> Rows:
        """A step's rows without padding, in order, with labels, each ``(rows, ...)``."""
        everything = self.inputs | {LABEL: self.y}
        padded = {
            name: array[:, step].reshape(-1, *array.shape[3:])
            for name, array in everything.items()
        }
        return {name: array[: self.rows[step]] for name, array in padded.items()}

    def weights(self, step: int) -> NDArray[np.float64]:
        """Weights of a step's rows without padding, in order, ``(rows,)``."""
        return self.weight[:, step].reshape(-1)[: self.rows[step]].astype(np.float64)


@dataclass(frozen=True, slots=True)
class Feed:
    """Blocks of rows, from any cursor on.

    Attributes:
        shards: The rows.
        seed: Seed of the order.
        batch_rows: Rows of one step, over all replicas.
        replicas: Replicas that a step's rows are divided over.
        micro_batches: Equal parts that a replica's rows are divided into.
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
        """Steps of an epoch; the last one may have fewer rows."""
        return -(-self.shards.rows // self.batch_rows)

    @property
    def replica_rows(self) -> int:
        """Rows of a replica in a step, with padding."""
        return -(-self.batch_rows // (self.replicas * self.micro_batches)) * self.micro_batches

    @property
    def block_steps(self) -> int:
        """Steps in a block: at most those of an epoch, and within ``BLOCK_BYTES``."""
        step_bytes = self.replica_rows * self.replicas * (self.shards.row_bytes + 4)
        most = min(STEPS_PER_BLOCK, self.steps_per_epoch)
        return int(np.clip(BLOCK_BYTES // step_bytes, 1, most))

    def order(self, epoch: int) -> Epoch:
        """The order of an epoch; for ``IN_ORDER`` the order of the table."""
        pool_rows = max(self.pool_bytes // self.shards.row_bytes, 1)
        return epoch_order(self.shards.starts, pool_rows, self.seed, epoch)

    def blocks(self, cursor: Cursor, epochs: int) -> Iterator[StepBlock]:
        """Blocks from the cursor to the end of the last epoch; each belongs to one epoch."""
        position = cursor.position
        with ThreadPoolExecutor(1, thread_name_prefix="pool") as reader:
            pools = RowPools(self.shards, reader)
            for epoch in range(cursor.epoch, epochs):
                yield from self._epoch(pools, self.order(epoch), position)
                position = 0

    def in_order(self) -> Iterator[StepBlock]:
        """Every row once, in the order of the table."""
        with ThreadPoolExecutor(1, thread_name_prefix="pool") as reader:
            yield from self._epoch(RowPools(self.shards, reader), self.order(IN_ORDER), 0)

    def _epoch(self, pools: RowPools, order: Epoch, position: int) -> Iterator[StepBlock]:
        for start in range(position, self.shards.rows, self.block_steps * self.batch_rows):
            yield self._block(pools, order, start)

    def _block(self, pools: RowPools, order: Epoch, start: int) -> StepBlock:
        """The block that starts at a position of the epoch."""
        steps, each = self.block_steps, self.replica_rows
        flat = self.shards.empty(self.replicas * steps * each)
        weight = np.zeros((self.replicas, steps, each), np.float32)
        end, sizes = min(start + steps * self.batch_rows, self.shards.rows), []
        for step, position in enumerate(range(start, end, self.batch_rows)):
            sizes.append(min(self.batch_rows, end - position))
            for replica in range(self.replicas):
                rows = min(max(sizes[-1] - replica * each, 0), each)
                at = (replica * steps + step) * each
                pools.fill(order, position + replica * each, rows, flat, at)
                for array in flat.values():
                    array[at + rows : at + each] = array[step * each]
                weight[replica, step, :rows] = 1.0
        shaped = {
            name: array.reshape(self.replicas, steps, each, *array.shape[1:])
            for name, array in flat.items()
        }
        y, own = shaped.pop(LABEL), shaped.pop(WEIGHT, None)
        if own is not None:
            weight *= own
        if self.class_weights:
            weight *= np.array(self.class_weights, np.float32)[y.astype(np.int64)]
        total = weight.sum(axis=(0, 2), dtype=np.float64).astype(np.float32)
        return StepBlock(shaped, y, weight, total, tuple(sizes))


def prefetched(source: Iterator[Any]) -> Generator[Any, None, None]:
    """Yield the same items, while a thread makes the next one."""
    with ThreadPoolExecutor(1, thread_name_prefix="feed") as maker:
        upcoming = maker.submit(next, source, None)
        while (made := upcoming.result()) is not None:
            upcoming = maker.submit(next, source, None)
            yield made
