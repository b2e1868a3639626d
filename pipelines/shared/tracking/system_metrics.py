"""System metrics: the load of a training's process and of the GPUs that it may use.

Why: the machine's load explains a curve that stalls.
Promise: a sample costs milliseconds and never raises; a metric that cannot be read is omitted.
"""

from collections.abc import Iterator
from typing import Any

import psutil

from pipelines.shared.compute.machine import visible_gpus


class SystemMetrics:
    """Samples of the load of one process."""

    def __init__(self, pid: int) -> None:
        """Start to count its CPU time."""
        self._process: psutil.Process | None = None
        try:
            self._process = psutil.Process(pid)
            self._process.cpu_percent()
        except psutil.Error:
            self._process = None

    def now(self) -> dict[str, float]:
        """``cpu_percent`` (100 per core, since the last sample), ``memory_bytes``, and each GPU's."""
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
            continue  # slices of a device (MIG) report no load
        yield f"gpu_{name}_percent", busy
        yield f"gpu_{name}_memory_bytes", used


def _handle(driver: Any, name: str) -> Any:
    if name.isdigit():
        return driver.nvmlDeviceGetHandleByIndex(int(name))
    return driver.nvmlDeviceGetHandleByUUID(name)
