"""Something to run a Dask graph on, and what this machine has to offer.

Why: a stage says what its tasks are; whether they run in this process, on this machine's
    cores, on its GPUs or on a cluster elsewhere is decided in one place.
Promise: a result does not depend on that choice; importing this package imports no Dask.
Not here: the tasks themselves (the stage packages).
"""

from pipelines.shared.compute.backend import Place, choose_place
from pipelines.shared.compute.machine import Machine, this_machine
from pipelines.shared.compute.opening import open_compute
from pipelines.shared.compute.settings import ComputeSettings

__all__ = [
    "ComputeSettings",
    "Machine",
    "Place",
    "choose_place",
    "open_compute",
    "this_machine",
]
