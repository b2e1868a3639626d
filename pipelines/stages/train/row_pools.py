"""The rows of an epoch in shuffled order, from prefetched pools.

Why: the next rows must be in memory before they are needed.
Promise: two pools are in memory, the current and the next; if all rows fit into one, it is read
    once for all epochs.
Not here: the order (``epoch_order.py``), the batches (``batches.py``).
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.train.epoch_order import Epoch
from pipelines.stages.train.shards import Rows, Shards


class RowPools:
    """The rows of an epoch, in its order.

    Use it from one thread, with increasing positions; a lower position reads again.
    """

    def __init__(self, shards: Shards, reader: ThreadPoolExecutor) -> None:
        """Read these shards, and prefetch in that thread."""
        self._shards, self._reader = shards, reader
        self._prefetched: dict[tuple[int, int], Future[tuple[Rows, NDArray[Any]]]] = {}
        self._whole: Rows | None = None

    def fill(self, epoch: Epoch, position: int, count: int, out: Rows, at: int) -> None:
        """Copy ``count`` rows from a position of the epoch into ``out`` from its row ``at`` on."""
        for pool, begin, rows in _spans(epoch, position, count):
            values, order = self._get(epoch, pool)
            chosen = order[begin : begin + rows]
            for name, array in values.items():
                # Every index is in range; without a mode NumPy would make a copy to check it.
                np.take(array, chosen, axis=0, out=out[name][at : at + rows], mode="clip")
            at += rows

    def _get(self, epoch: Epoch, pool: int) -> tuple[Rows, NDArray[Any]]:
        wanted = [(epoch.number, n) for n in (pool, pool + 1) if n < epoch.pools]
        for key in [key for key in self._prefetched if key not in wanted]:
            del self._prefetched[key]
        for key in wanted:
            if key not in self._prefetched:
                self._prefetched[key] = self._reader.submit(self._read, epoch, key[1])
        return self._prefetched[wanted[0]].result()

    def _read(self, epoch: Epoch, pool: int) -> tuple[Rows, NDArray[Any]]:
        if epoch.pools == 1 and self._whole is not None:
            return self._whole, epoch.within(0)
        values, at = self._shards.empty(int(epoch.starts[pool + 1] - epoch.starts[pool])), 0
        for n in range(int(epoch.cuts[pool]), int(epoch.cuts[pool + 1])):
            rows = int(epoch.rows[n])
            self._shards.copy(int(epoch.first[n]), rows, values, at)
            at += rows
        self._shards.release()
        if epoch.pools == 1:
            self._whole = values
        return values, epoch.within(pool)


def _spans(epoch: Epoch, position: int, count: int) -> Iterator[tuple[int, int, int]]:
    """Pool, position in it, and number of rows, for each pool with some of these positions."""
    while count:
        pool = epoch.pool_at(position)
        rows = min(count, int(epoch.starts[pool + 1]) - position)
        yield pool, position - int(epoch.starts[pool]), rows
        position, count = position + rows, count - rows
