"""Choose the backend that tasks run on, and open it.

Why: starting a cluster costs seconds and a thread pool microseconds, so small work must not
    start one, and large work must not be confined to one process.
Promise: nothing heavy is imported until a backend is opened; the choice is logged.
Not here: running a graph on it (``threads.py``, ``cluster.py``).
"""

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from pipelines.shared.compute.machine import Machine, this_machine
from pipelines.shared.compute.settings import ComputeSettings

if TYPE_CHECKING:
    from pipelines.shared.compute.compute import Compute

CUDA_PACKAGES = ("cudf", "cupy", "dask_cuda", "rmm")

log = logging.getLogger("millrace")


class Backend(StrEnum):
    """What runs a graph."""

    SCHEDULER = "scheduler"
    """A running Dask cluster, given by address."""
    THREADS = "threads"
    """This process."""
    GPUS = "gpus"
    """One worker process per GPU of this machine."""
    PROCESSES = "processes"
    """One worker process per core of this machine."""


def choose_backend(rows: int, settings: ComputeSettings, machine: Machine) -> Backend:
    """Choose the backend for work that reads ``rows`` rows.

    A scheduler's address takes precedence. Small work stays in this process even where there is a
    GPU, whose workers take longer to start than the work itself.
    """
    if settings.scheduler:
        return Backend.SCHEDULER
    if rows < settings.in_process_below_rows:
        return Backend.THREADS
    if machine.gpus == 0:
        return Backend.PROCESSES
    missing = [name for name in CUDA_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        log.warning(
            "compute: %d GPUs here stay idle, as %s is not installed. "
            "Install requirements-gpu.txt to use them.",
            machine.gpus,
            ", ".join(missing),
        )
    return Backend.PROCESSES if missing else Backend.GPUS


@contextmanager
def open_compute(
    rows: int, settings: ComputeSettings | None = None, machine: Machine | None = None
) -> Iterator["Compute"]:
    """Open a backend; what was started for it is stopped at the end.

    Args:
        rows: Rows that the work reads, which decides whether a cluster is worth its start.
        settings: The caller's options; by default none.
        machine: The resources to use; by default all that this process may use.

    Raises:
        TransientError: The scheduler of the given address does not answer.
    """
    settings, machine = settings or ComputeSettings(), machine or this_machine()
    backend = choose_backend(rows, settings, machine)
    log.debug("compute: %d rows on %s (%s)", rows, backend.value, machine)
    if backend is Backend.THREADS:
        from pipelines.shared.compute.threads import ThreadCompute

        yield ThreadCompute(settings.workers or machine.cores, machine)
        return
    from pipelines.shared.compute.cluster import open_cluster

    with open_cluster(backend, settings, machine) as compute:
        yield compute
