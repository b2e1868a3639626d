"""Opening the backend that suits some work, for as long as it is needed.

Promise: nothing heavy is imported until a backend is opened; what was chosen, and why, is in
    the log.
Not here: choosing (``backend.py``), running a graph there (``threads.py``, ``cluster.py``).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipelines.shared.compute.backend import Place, choose_place
from pipelines.shared.compute.machine import Machine, this_machine
from pipelines.shared.compute.settings import ComputeSettings

if TYPE_CHECKING:
    from pipelines.shared.compute.compute import Compute

log = logging.getLogger("millrace")


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
