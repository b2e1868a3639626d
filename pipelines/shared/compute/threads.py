"""Run a graph on this process's threads.

Why: the kernels release the interpreter's lock in their sorts and searches, and work of a
    second must not wait for a cluster to start.
Promise: the same graph gives the same results as on a cluster.
"""

from collections.abc import Sequence
from typing import Any

from dask import threaded
from dask.callbacks import Callback
from dask.delayed import Delayed

from pipelines.core.errors import OutOfMemoryError
from pipelines.shared.compute.compute import Compute, OnDone, Take, result_handler
from pipelines.shared.compute.machine import Machine

GIB = 1 << 30


class ThreadCompute(Compute):
    """Dask's in-process scheduler."""

    def __init__(self, workers: int, machine: Machine) -> None:
        self.workers, self._machine = workers, machine

    def run(self, tasks: Sequence[Delayed], on_done: OnDone | None = None) -> list[Any]:
        """Run tasks on threads; see ``Compute.run``."""
        try:
            return self.attempts(tasks, result_handler(on_done))
        except MemoryError as error:
            raise OutOfMemoryError(
                f"A task ran out of memory on {self.describe()} ({error}). "
                "Raise the pipeline's buckets, so that one holds fewer rows."
            ) from error

    def attempts(self, tasks: Sequence[Delayed], take: Take) -> list[Any]:
        """Run tasks on threads; see ``Compute.attempts``."""
        keys = [task.key for task in tasks]
        wanted = set(keys)
        # dask.compute would import distributed, half a second, to look for a client.
        graph = {key: step for task in tasks for key, step in task.__dask_graph__().items()}

        def taken(key: Any, result: Any, _graph: Any, state: Any, _worker: Any) -> None:
            if key in wanted:
                state["cache"][key] = take(result)

        with Callback(posttask=taken):
            return list(threaded.get(graph, keys, num_workers=self.workers))

    def describe(self) -> str:
        """The number of threads, and the memory that they share."""
        return f"{self.workers} threads that share {self._machine.memory_bytes / GIB:.1f} GiB"
