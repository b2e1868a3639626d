"""Choosing where tasks run.

Why: starting a cluster costs seconds and a thread pool microseconds, so small work must not
    start one, and large work must not be confined to one process.
Promise: nothing heavy is imported.
Not here: opening what was chosen (``opening.py``), running a graph there (``threads.py``,
    ``cluster.py``).
"""

import importlib.util
import logging
from enum import StrEnum

from pipelines.shared.compute.machine import Machine
from pipelines.shared.compute.settings import ComputeSettings

CUDA_PACKAGES = ("cudf", "cupy", "dask_cuda", "rmm")

log = logging.getLogger("millrace")


class Place(StrEnum):
    """Where a graph runs."""

    SCHEDULER = "scheduler"
    """A running Dask cluster, given by address."""
    THREADS = "threads"
    """This process."""
    GPUS = "gpus"
    """One worker process a GPU of this machine."""
    PROCESSES = "processes"
    """One worker process a core of this machine."""


def choose_place(rows: int, settings: ComputeSettings, machine: Machine) -> Place:
    """Where work that reads so many rows runs best.

    An address always wins. Small work stays in this process even beside a GPU, whose workers
    take longer to start than the work itself.
    """
    if settings.scheduler:
        return Place.SCHEDULER
    if rows < settings.in_process_below_rows:
        return Place.THREADS
    if machine.gpus == 0:
        return Place.PROCESSES
    missing = [name for name in CUDA_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        log.warning(
            "compute: %d GPUs here stay idle, as %s is not installed. "
            "Install requirements-gpu.txt to use them.",
            machine.gpus,
            ", ".join(missing),
        )
    return Place.PROCESSES if missing else Place.GPUS
