"""Choose the backend that tasks run on.

Why: starting a cluster costs seconds and a thread pool microseconds, so small work must not
    start one, and large work must not be confined to one process.
Promise: nothing heavy is imported.
Not here: opening the backend (``opening.py``), running a graph on it (``threads.py``,
    ``cluster.py``).
"""

import importlib.util
import logging
from enum import StrEnum

from pipelines.shared.compute.machine import Machine
from pipelines.shared.compute.settings import ComputeSettings

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
