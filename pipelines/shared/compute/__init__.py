"""Backends that run a Dask graph, and the resources of this machine.

Why: a stage defines its tasks; whether they run in this process, on this machine's cores, on its
    GPUs or on a cluster elsewhere is decided here.
Promise: a result does not depend on that choice; importing this package imports no Dask.
Not here: the tasks themselves (the stage packages).
"""

from pipelines.shared.compute.backend import Backend, choose_backend
from pipelines.shared.compute.machine import Machine, this_machine
from pipelines.shared.compute.opening import open_compute
from pipelines.shared.compute.settings import ComputeSettings

__all__ = [
    "Backend",
    "ComputeSettings",
    "Machine",
    "choose_backend",
    "open_compute",
    "this_machine",
]
