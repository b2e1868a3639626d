"""Open the backend for some work, and stop it afterwards.

Promise: nothing heavy is imported until a backend is opened; the choice is logged.
Not here: choosing it (``backend.py``), running a graph on it (``threads.py``, ``cluster.py``).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipelines.shared.compute.backend import Backend, choose_backend
from pipelines.shared.compute.machine import Machine, this_machine
from pipelines.shared.compute.settings import ComputeSettings

if TYPE_CHECKING:
    from pipelines.shared.compute.compute import Compute

log = logging.getLogger("millrace")


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
