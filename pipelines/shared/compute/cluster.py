"""Run a graph on worker processes: this machine's cores or GPUs, or a cluster elsewhere.

Why: work that is larger than one process's memory, or than one machine.
Promise: a worker that dies is replaced and its tasks run again; when that does not help, the
    error is transient. A cluster that was started here is stopped here, and only the process that
    started it can use it: it listens on the loopback device alone, with TLS and a key of its own.
Not here: choosing the backend (``backend.py``), collecting results (``gathering.py``), stopping
    (``shutdown.py``).
"""

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
from dask.delayed import Delayed
from distributed import Client, KilledWorker, LocalCluster
from distributed.comm import CommClosedError
from distributed.security import Security

from pipelines.core.errors import OutOfMemoryError, TransientError, WorkerLostError
from pipelines.core.events import dashboard
from pipelines.core.rights import private_folder
from pipelines.shared.compute.backend import Backend
from pipelines.shared.compute.compute import Compute, OnDone, Take, result_handler
from pipelines.shared.compute.gathering import finished
from pipelines.shared.compute.machine import NO_GPU, Machine, own_array_module
from pipelines.shared.compute.settings import ComputeSettings
from pipelines.shared.compute.shutdown import children, end
from pipelines.shared.compute.splitting import OutOfMemoryResult

CONNECT_TIMEOUT_S = 30
LOOPBACK = "127.0.0.1"
LEAST_WORKER_BYTES = 1 << 30
GIB = 1 << 30
RMM_POOL_SHARE = 0.6
QUIET = {
    # The worker's profiler takes a third of an idle cluster's CPU time and is not used here.
    "distributed.worker.profile.enabled": False,
    # A task that killed two workers is not tried on a third: it is split, or fails.
    "distributed.scheduler.allowed-failures": 1,
    # Dask's own has MALLOC_TRIM_THRESHOLD_, which stops glibc from learning which sizes are common:
    # each large array was mapped, zeroed and released anew, for 1.4 times the CPU of a window
    # task (1.6 with one arena: a worker has one thread that allocates).
    "distributed.nanny.pre-spawn-environ": {
        "OMP_NUM_THREADS": 1,
        "MKL_NUM_THREADS": 1,
        "OPENBLAS_NUM_THREADS": 1,
        "MALLOC_ARENA_MAX": 1,
    },
}

log = logging.getLogger("millrace")


class ClusterCompute(Compute):
    """A Dask cluster, through its client."""

    def __init__(self, client: Client, cluster: Any = None) -> None:
        self._client, self._cluster = client, cluster
        known = client.scheduler_info(n_workers=-1)["workers"].values()
        self.workers = max(1, len(known))
        self._memory_bytes = min((int(each["memory_limit"]) for each in known), default=0)
        self.array_module = array_module_of(client)
        self.dashboard = client.dashboard_link or ""

    def run(self, tasks: Sequence[Delayed], on_done: OnDone | None = None) -> list[Any]:
        """Run tasks on the workers; see ``Compute.run``."""
        try:
            found = self.attempts(tasks, result_handler(on_done))
        except MemoryError as error:
            raise OutOfMemoryError(
                f"A task ran out of memory on {self.describe()} ({error}). "
                "Raise the pipeline's buckets, so that one holds fewer rows."
            ) from error
        killed = [result for result in found if isinstance(result, OutOfMemoryResult)]
        if killed:
            raise WorkerLostError(
                f"{killed[0].reason}, most likely for memory. Run it again, or raise the pipeline's "
                "buckets, so that one holds fewer rows."
            )
        return found

    def attempts(self, tasks: Sequence[Delayed], take: Take) -> list[Any]:
        """Run tasks on the workers; see ``Compute.attempts``."""
        try:
            return self._gathered(tasks, take)
        except (CancelledError, CommClosedError) as error:
            raise TransientError(
                f"The Dask scheduler was lost while {len(tasks)} tasks ran ({error}). "
                "Run it again when the scheduler answers."
            ) from error

    def describe(self) -> str:
        """The number of worker processes, and the memory of each."""
        return f"{self.workers} worker processes of {self._memory_bytes / GIB:.1f} GiB"

    def _more(self, workers: int) -> None:
        """Start workers for those that did not come back; ``end`` stops both."""
        self._cluster.scale(len(self._cluster.worker_spec) + workers)

    def _gathered(self, tasks: Sequence[Delayed], take: Take) -> list[Any]:
        futures = self._client.compute(list(tasks))
        found = {}
        own = None if self._cluster is None else self._more
        for future in finished(self._client, futures, self.workers, own):
            try:
                result = future.result()
            except KilledWorker as error:
                result = OutOfMemoryResult(
                    f"Workers died while they ran {error.task}", killed=True
                )
            found[future.key] = take(result)
            # A fetched result need not stay on its worker, nor be computed again if the worker dies.
            future.release()
        return [found[future.key] for future in futures]


@contextmanager
def open_cluster(
    backend: Backend, settings: ComputeSettings, machine: Machine
) -> Iterator[ClusterCompute]:
    """Open a cluster; it is stopped at the end unless it was running before.

    Raises:
        TransientError: The given scheduler does not answer.
    """
    if backend is Backend.SCHEDULER:
        with _client_of(settings.scheduler) as client:
            yield _reported(ClusterCompute(client))
        return
    before = children()
    with dask.config.set(QUIET):
        cluster = _started(backend, settings, machine)
        try:
            with Client(cluster) as client:
                yield _reported(ClusterCompute(client, cluster))
        finally:
            end(cluster, before)


def array_module_of(client: Client) -> str:
    """``cupy`` where every worker reports a GPU of its own, else ``numpy``.

    A task does not know which worker it will run on, so workers of both kinds get NumPy.
    """
    modules = Counter(client.run(own_array_module).values())
    if len(modules) > 1:
        log.warning(
            "compute: %d of %d workers have a GPU, so none is used. Start workers of one kind.",
            modules["cupy"],
            sum(modules.values()),
        )
    return "cupy" if set(modules) == {"cupy"} else "numpy"


def processes_of(settings: ComputeSettings, machine: Machine) -> dict[str, Any]:
    """Arguments of a cluster on this machine's cores, each worker with at least a GiB of memory."""
    roomy = max(1, machine.memory_bytes // LEAST_WORKER_BYTES)
    workers = settings.workers or min(machine.cores, roomy)
    return {
        "n_workers": workers,
        "threads_per_worker": 1,
        "memory_limit": machine.memory_bytes // workers,
    }


def gpus_of(settings: ComputeSettings, machine: Machine) -> dict[str, Any]:
    """Arguments of a cluster on this machine's GPUs: one worker each.

    The pool, which cuDF and CuPy share, leaves memory for allocations outside of RMM; beyond it cuDF
    spills to the host.
    """
    workers = min(settings.workers or machine.gpus, machine.gpus)
    return {
        "n_workers": workers,
        "threads_per_worker": 1,
        "rmm_pool_size": RMM_POOL_SHARE,
        # Otherwise CuPy has a pool of its own in the remaining memory, and the kernels use CuPy.
        "rmm_allocator_external_lib_list": ["cupy"],
        "enable_cudf_spill": True,
        "memory_limit": machine.memory_bytes // workers,
    }


def _started(backend: Backend, settings: ComputeSettings, machine: Machine) -> LocalCluster:
    common: dict[str, Any] = {
        # Any port: two concurrent stages would want the same one.
        "dashboard_address": "127.0.0.1:0",
        # Of a task that fails Dask logs the arguments, values of the data among them, and raises the
        # same error to us.
        "silence_logs": logging.CRITICAL,
        "host": LOOPBACK,
        # Any client of a scheduler or a worker can run code as this user. The key is made for
        # this cluster and is never written to disk.
        "security": Security.temporary(),
        # Spilled data is unpickled again, so no other user may write there.
        "local_directory": str(_scratch()),
    }
    if backend is Backend.GPUS:
        from dask_cuda import LocalCUDACluster

        return LocalCUDACluster(**gpus_of(settings, machine), **common)
    return LocalCluster(
        **processes_of(settings, machine),
        processes=True,
        env=NO_GPU,
        **common,
    )


def _scratch() -> Path:
    return private_folder(Path(tempfile.gettempdir()) / f"millrace-dask-{os.getuid()}")


def _reported(compute: ClusterCompute) -> ClusterCompute:
    if compute.dashboard:
        log.info("compute: %s; Dask's dashboard is %s", compute.describe(), compute.dashboard)
        dashboard(compute.dashboard)
    return compute


def _client_of(address: str) -> Client:
    try:
        return Client(address, timeout=CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError) as error:
        raise TransientError(
            f"No Dask scheduler answers at {address} ({error}). "
            "Start it, or omit the option scheduler to use this machine."
        ) from error
