"""Running a graph on worker processes: this machine's cores or GPUs, or a cluster elsewhere.

Why: work that is larger than one process's memory, or than one machine.
Promise: a worker that dies is replaced and its tasks run again; when that does not help, the
    error says a retry may. What was started here is stopped here.
Not here: which of them is used (``place.py``).
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

import dask
from dask.delayed import Delayed
from distributed import Client, KilledWorker, LocalCluster, as_completed
from distributed.comm import CommClosedError

from pipelines.compute.compute import Compute, OnDone
from pipelines.compute.machine import Machine
from pipelines.compute.place import Place
from pipelines.compute.settings import ComputeSettings
from pipelines.errors import OutOfMemoryError, TransientError, WorkerLostError

CONNECT_TIMEOUT_S = 30
LEAST_WORKER_BYTES = 1 << 30
RMM_POOL_SHARE = 0.6
# The worker's profiler takes a third of an idle cluster's CPU time, and nobody reads it here.
QUIET = {"distributed.worker.profile.enabled": False}

log = logging.getLogger("millrace")


class ClusterCompute(Compute):
    """A Dask cluster, through its client."""

    def __init__(self, client: Client, array_module: str = "numpy") -> None:
        self._client = client
        self.array_module = array_module
        self.workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))

    def run(self, tasks: Sequence[Delayed], on_done: OnDone | None = None) -> list[Any]:
        """Run tasks on the workers; see ``Compute.run``."""
        try:
            return self._gathered(tasks, on_done)
        except KilledWorker as error:
            raise WorkerLostError(
                f"Workers died while they ran {error.task}, most often for memory. "
                "Try again, or raise the pipeline's buckets, so that one holds fewer rows."
            ) from error
        except MemoryError as error:
            raise OutOfMemoryError(
                f"A worker found no memory ({error}). "
                "Raise the pipeline's buckets, so that one holds fewer rows."
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise TransientError(
                f"The Dask scheduler went away while {len(tasks)} tasks ran ({error}). "
                "Try again when it answers."
            ) from error

    def _gathered(self, tasks: Sequence[Delayed], on_done: OnDone | None) -> list[Any]:
        futures = self._client.compute(list(tasks))
        found = {}
        for future, result in as_completed(futures, with_results=True):
            if future.cancelled():  # its "result" is the reason, and is not raised
                raise CancelledError(str(result))
            found[future.key] = result
            if on_done is not None:
                on_done(result)
        return [found[future.key] for future in futures]


@contextmanager
def open_cluster(
    place: Place, settings: ComputeSettings, machine: Machine
) -> Iterator[ClusterCompute]:
    """A cluster of that kind, stopped at the end unless it was running before.

    Raises:
        TransientError: The given scheduler does not answer.
    """
    if place is Place.SCHEDULER:
        with _client_of(settings.scheduler) as client:
            yield ClusterCompute(client)
        return
    with dask.config.set(QUIET), _started(place, settings, machine) as cluster:
        module = "cupy" if place is Place.GPUS else "numpy"
        with Client(cluster) as client:
            yield ClusterCompute(client, module)


def processes_of(settings: ComputeSettings, machine: Machine) -> dict[str, Any]:
    """Arguments of a cluster on this machine's cores: no worker below a GiB of memory."""
    roomy = max(1, machine.memory_bytes // LEAST_WORKER_BYTES)
    workers = settings.workers or min(machine.cores, roomy)
    return {
        "n_workers": workers,
        "threads_per_worker": 1,
        "memory_limit": machine.memory_bytes // workers,
    }


def gpus_of(settings: ComputeSettings, machine: Machine) -> dict[str, Any]:
    """Arguments of a cluster on this machine's GPUs: one worker each.

    The pool leaves room for what allocates outside of RMM; cuDF spills to the host beyond it.
    """
    workers = min(settings.workers or machine.gpus, machine.gpus)
    return {
        "n_workers": workers,
        "threads_per_worker": 1,
        "rmm_pool_size": RMM_POOL_SHARE,
        "enable_cudf_spill": True,
        "memory_limit": machine.memory_bytes // workers,
    }


def _started(place: Place, settings: ComputeSettings, machine: Machine) -> Any:
    # Any port: two stages at once would want the same one.
    common: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "silence_logs": logging.ERROR}
    if place is Place.GPUS:
        from dask_cuda import LocalCUDACluster

        return LocalCUDACluster(**gpus_of(settings, machine), **common)
    return LocalCluster(
        **processes_of(settings, machine), host="127.0.0.1", processes=True, **common
    )


def _client_of(address: str) -> Client:
    try:
        return Client(address, timeout=CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError) as error:
        raise TransientError(
            f"No Dask scheduler answers at {address} ({error}). "
            "Start it, or leave the option scheduler away to use this machine."
        ) from error
