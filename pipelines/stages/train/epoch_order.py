"""The shuffled order of an epoch: blocks across days, then rows within a pool of blocks.

Why: a permutation of all rows reads the disk at random once they exceed memory, and a shuffle row
    by row costs more than the step.
Promise: an epoch has every row once; its order follows from the seed and the epoch alone; any
    position is found without iteration. Rows that fit into one pool are fully permuted.
Not here: reading the rows (``row_pools.py``).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# Consecutive rows that are read together into a pool: a quarter of a megabyte or more.
BLOCK_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch's order.

    Attributes:
        first: First row of each block, in the order of the blocks, ``(n_blocks,)``.
        rows: Rows of each block, ``(n_blocks,)``.
        cuts: First block of each pool, then the number of blocks, ``(n_pools + 1,)``.
        starts: Position of each pool's first row in the epoch, then the number of rows, ``(n_pools + 1,)``.
        seed: Seed of the order.
        number: Number of the epoch, from 0; below 0 rows are in the order of the table.
    """

    first: NDArray[np.int64]
    rows: NDArray[np.int64]
    cuts: NDArray[np.int64]
    starts: NDArray[np.int64]
    seed: int
    number: int

    @property
    def pools(self) -> int:
        """RowPools of the epoch."""
        return len(self.cuts) - 1

    def pool_at(self, position: int) -> int:
        """The pool that contains a position of the epoch."""
        return int(np.searchsorted(self.starts, position, side="right")) - 1

    def within(self, pool: int) -> NDArray[np.int64]:
        """Index of each row in the pool, in the order of use."""
        rows = int(self.starts[pool + 1] - self.starts[pool])
        if self.number < 0:
            return np.arange(rows)
        return _draw(self.seed, self.number, pool).permutation(rows)


def epoch_order(starts: NDArray[np.int64], pool_rows: int, seed: int, number: int) -> Epoch:
    """The order of an epoch.

    Args:
        starts: First row of each day, then the number of rows.
        pool_rows: Rows that a pool holds at most, unless a single block is more.
        seed: Seed of the order.
        number: Number of the epoch; below 0 for the order of the table.
    """
    first = np.concatenate([np.arange(a, b, BLOCK_ROWS) for a, b in pairwise(starts)])
    rows = np.minimum(np.append(first[1:], starts[-1]) - first, BLOCK_ROWS)
    per_pool = len(first)
    if starts[-1] > pool_rows:
        per_pool = max(pool_rows // BLOCK_ROWS, 1)
        if number >= 0:
            shuffled = _draw(seed, number, -1).permutation(len(first))
            first, rows = first[shuffled], rows[shuffled]
    cuts = np.append(np.arange(0, len(first), per_pool), len(first))
    ends = np.concatenate([[0], np.cumsum(rows)])
    return Epoch(first, rows, cuts, ends[cuts], seed, number)


def _draw(seed: int, epoch: int, stream: int) -> np.random.Generator:
    # The counter's last word separates the streams, so that none overlaps another. It is 0 for pool
    # 0, so that rows of one pool have the plain permutation of (seed, epoch).
    counter = [0, 0, 0, stream if stream >= 0 else 1 << 63]
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=counter))
