"""Looking a machine over before Airflow is started on it.

Why: a taken port, a full disk or too little memory should be one sentence, not a traceback of
    a component ten seconds later.
Promise: nothing is started or changed by looking.
"""

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipelines.core.errors import ConfigError, TransientError
from pipelines.shared.compute.machine import usable_cores

# Airflow's components take about 1.3 GB together; the rest is for the stages beside them.
AIRFLOW_MEMORY_BYTES = 1_400_000_000
STAGE_MEMORY_BYTES = 900_000_000
BYTES_PER_ROW = 300  # source and artifacts take 70; the rest is for versions of changed work
OTHER_DISK_BYTES = 500_000_000
PORTS_TRIED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the demonstration may use.

    Attributes:
        stages: Stages at a time.
        parallelism: Tasks at a time; waiting for a person or for days takes no stage.
    """

    stages: int
    parallelism: int


def choose_port(wanted: int) -> int:
    """The wanted port, or the next one that nobody listens on.

    Raises:
        ConfigError: None of the next 50 is free.
    """
    for port in range(wanted, min(wanted + PORTS_TRIED, 65_536)):
        if _is_free(port):
            return port
    raise ConfigError(
        f"Ports {wanted} to {wanted + PORTS_TRIED - 1} are all taken. Choose another with --port."
    )


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        # As the server does, so that a port in TIME_WAIT after a stop counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def require_disk(folder: Path, rows: int) -> None:
    """Refuse a disk that so many rows would fill.

    Raises:
        TransientError: Says how much is free and how much is needed.
    """
    free, needed = shutil.disk_usage(folder).free, rows * BYTES_PER_ROW + OTHER_DISK_BYTES
    if free < needed:
        raise TransientError(
            f"{folder} has {free / 1e9:.1f} GB free and {rows:,} rows need {needed / 1e9:.1f}. "
            f"Free some, or choose another folder with --home."
        )


def room() -> Room:
    """How much may run at once in the memory that is free now.

    Raises:
        TransientError: Not even one stage fits beside Airflow.
    """
    free = psutil.virtual_memory().available
    stages = min(usable_cores(), int((free - AIRFLOW_MEMORY_BYTES) // STAGE_MEMORY_BYTES))
    if stages < 1:
        needed = AIRFLOW_MEMORY_BYTES + STAGE_MEMORY_BYTES
        raise TransientError(
            f"{free / 1e9:.1f} GB of memory are free and Airflow with one stage beside it needs "
            f"{needed / 1e9:.1f}. Close something and run this again."
        )
    return Room(stages=stages, parallelism=stages + 2)
