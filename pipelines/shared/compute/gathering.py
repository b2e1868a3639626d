"""Collect results from a cluster, without waiting for results that cannot arrive.

Why: Dask waits for ever for a task when no worker is left to run it: all have died, or a cluster
    elsewhere has lost its machines.
Promise: results are yielded as they arrive; workers that are missing from a cluster of our own
    are replaced (a nanny whose worker dies while it starts may never start another); a cluster
    without a worker, or without a scheduler that answers, for ``PATIENCE_S`` is an error; when no
    task has finished for ``QUIET_S``, a warning with the dashboard's address is logged.
"""

import logging
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

from distributed import Client, Future
from distributed.comm import CommClosedError

from pipelines.core.errors import TransientError, WorkerLostError

CHECK_EVERY_S = 2.0
REPLACE_AFTER_S = 8.0
PATIENCE_S = 60.0
QUIET_S = 600.0

log = logging.getLogger("millrace")


Replace = Callable[[int], None]
"""Starts so many workers."""


def finished(
    client: Client, futures: Sequence[Future], expected: int = 0, replace: Replace | None = None
) -> Iterator[Future]:
    """Yield each future once it is done, failed or cancelled, in the order of completion.

    Args:
        client: The cluster's client.
        futures: The futures to wait for.
        expected: Workers that the cluster should have.
        replace: Starts the missing ones, in a cluster of our own.

    Raises:
        WorkerLostError: No worker is left, and none joins.
        TransientError: The scheduler does not answer.
    """
    done: queue.SimpleQueue[Future] = queue.SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    watch = _Deadlines(client, len(futures), expected, replace)
    left = len(futures)
    while left:
        watch.check(left)
        try:
            future = done.get(timeout=CHECK_EVERY_S)
        except queue.Empty:
            continue
        watch.ended()
        left -= 1
        yield future


class _Deadlines:
    """Checks whether the work can still complete."""

    def __init__(
        self, client: Client, tasks: int, expected: int, replace: Replace | None
    ) -> None:
        self._client, self._tasks = client, tasks
        self._expected, self._replace = expected, replace
        now = time.monotonic()
        self._checked = self._alive = self._whole = self._last = self._warned = now

    def ended(self) -> None:
        """Note that a task has ended."""
        self._alive = self._last = self._warned = time.monotonic()

    def check(self, left: int) -> None:
        """Every two seconds, replace missing workers; raise if there has been none for too long."""
        now = time.monotonic()
        if now - self._checked < CHECK_EVERY_S:
            return
        self._checked, workers = now, self._workers()
        if workers:
            self._alive = now
        if now - self._alive > PATIENCE_S:
            self._give_up(left, workers)
        self._replace_missing(now, workers)
        self._warn_if_quiet(now, left, workers)

    def _replace_missing(self, now: float, workers: int | None) -> None:
        if workers is None or workers >= self._expected or self._replace is None:
            self._whole = now
        elif now - self._whole > REPLACE_AFTER_S:
            missing, self._whole = self._expected - workers, now
            log.warning("compute: %d Dask workers did not come back; starting others", missing)
            self._replace(missing)

    def _warn_if_quiet(self, now: float, left: int, workers: int | None) -> None:
        if now - self._warned > QUIET_S:
            self._warned = now
            log.warning(
                "compute: no task has finished for %.0f s; %d of %d are left on %d workers. "
                "Their dashboard is %s",
                now - self._last,
                left,
                self._tasks,
                workers or 0,
                self._client.dashboard_link,
            )

    def _workers(self) -> int | None:
        """Number of workers registered at the scheduler; None where it does not answer."""
        try:
            # The rpc object makes its methods up, so a coroutine function is needed around it.
            identity = self._client.sync(self._identity, callback_timeout=PATIENCE_S / 2)
            return int(identity["n_workers"])
        except (TimeoutError, OSError, CommClosedError, CancelledError):
            return None

    async def _identity(self) -> Any:
        return await self._client.scheduler.identity(n_workers=0)

    def _give_up(self, left: int, workers: int | None) -> None:
        if workers is None:
            raise TransientError(
                f"The Dask scheduler has not answered for {PATIENCE_S:.0f} s while {left} of "
                f"{self._tasks} tasks ran. Run it again when the scheduler answers."
            )
        raise WorkerLostError(
            f"The cluster has had no Dask worker for {PATIENCE_S:.0f} s, and {left} of {self._tasks} "
            f"tasks wait for one. Start workers, or omit the option scheduler, and run it again."
        )
