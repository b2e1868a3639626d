"""Running a graph on this process's threads.

Why: the kernels release the interpreter's lock in their sorts and searches, and work of a
    second must not wait for a cluster to start.
Promise: the same graph, the same results as on a cluster.
"""

from collections.abc import Sequence
from typing import Any

from dask import threaded
from dask.callbacks import Callback
from dask.delayed import Delayed

from pipelines.compute.compute import Compute, OnDone
from pipelines.errors import OutOfMemoryError


class ThreadCompute(Compute):
    """Dask's in-process scheduler."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, tasks: Sequence[Delayed], on_done: OnDone | None = None) -> list[Any]:
        """Run tasks on threads; see ``Compute.run``."""
        keys = [task.key for task in tasks]
        wanted = set(keys)
        # dask.compute would import distributed, half a second, to look for a client.
        graph = {key: step for task in tasks for key, step in task.__dask_graph__().items()}

        def tell(key: Any, result: Any, _graph: Any, _state: Any, _worker: Any) -> None:
            if on_done is not None and key in wanted:
                on_done(result)

        try:
            with Callback(posttask=tell):
                return list(threaded.get(graph, keys, num_workers=self.workers))
        except MemoryError as error:
            raise OutOfMemoryError(
                f"A task found no memory beside {self.workers} threads ({error}). "
                "Raise the pipeline's buckets, so that one holds fewer rows."
            ) from error
