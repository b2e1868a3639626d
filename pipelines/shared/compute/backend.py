"""Choosing where tasks run, and opening it.

Why: starting a cluster costs seconds and a thread pool microseconds, so small work must not
    start one, and large work must not be confined to one process.
Promise: nothing heavy is imported until a place is opened; what was chosen, and why, is in
    the log.
Not here: running a graph there (``threads.py``, ``cluster.py``).
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


@contextmanager
def open_compute(
    rows: int, settings: ComputeSettings | None = None, machine: Machine | None = None
) -> Iterator["Compute"]:
    """Hold something that runs tasks; what was started for it is stopped at the end.

    Args:
        rows: Rows that the work reads, which decides whether a cluster is worth its start.
        settings: What the caller asks for; by default nothing.
        machine: What may be used; by default all that this process may use.

    Raises:
        TransientError: The scheduler of the given address does not answer.
    """
    settings, machine = settings or ComputeSettings(), machine or this_machine()
    place = choose_place(rows, settings, machine)
    log.debug("compute: %d rows on %s (%s)", rows, place.value, machine)
    if place is Place.THREADS:
        from pipelines.shared.compute.threads import ThreadCompute

        yield ThreadCompute(settings.workers or machine.cores, machine)
        return
    from pipelines.shared.compute.cluster import open_cluster

    with open_cluster(place, settings, machine) as compute:
        yield compute
