"""How busy a training's process is, and the GPUs that it may use.

Why: a curve that stalls is understood by what the machine did meanwhile.
Promise: looking costs milliseconds and never raises; what cannot be seen is left out.
"""

from collections.abc import Iterator
from typing import Any

import psutil

from pipelines.shared.compute.machine import visible_gpus


class Load:
    """The load of one process, looked at now and then."""

    def __init__(self, pid: int) -> None:
        """Begin to count its CPU time."""
        self._process: psutil.Process | None = None
        try:
            self._process = psutil.Process(pid)
            self._process.cpu_percent()
        except psutil.Error:
            self._process = None

    def now(self) -> dict[str, float]:
        """``cpu_percent`` (100 a core, since the last look), ``memory_bytes``, and each GPU's."""
        if self._process is None:
            return {}
        try:
            memory, cpu = self._process.memory_info().rss, self._process.cpu_percent()
        except psutil.Error:
            return {}
        return {"cpu_percent": cpu, "memory_bytes": float(memory), **dict(_gpus())}


def _gpus() -> Iterator[tuple[str, float]]:
    for name in visible_gpus():
        import pynvml

        try:
            handle = _handle(pynvml, name)
            busy = float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
            used = float(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
        except pynvml.NVMLError:
            continue  # slices of a device (MIG) tell no load
        yield f"gpu_{name}_percent", busy
        yield f"gpu_{name}_memory_bytes", used


def _handle(driver: Any, name: str) -> Any:
    if name.isdigit():
        return driver.nvmlDeviceGetHandleByIndex(int(name))
    return driver.nvmlDeviceGetHandleByUUID(name)
