"""The resources of this process: cores, memory, GPUs.

Why: a container's limits are smaller than the machine's, and a pool sized to the machine is
    throttled or killed.
Promise: detection starts and reserves nothing; GPUs are counted by the driver (NVML), because
    their libraries import without one.
"""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.oom_kills import CGROUP

NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}
"""Environment of a process that uses the CPU on a machine with GPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The resources that work is sized to.

    Attributes:
        cores: Whole cores this process may keep busy, at least 1.
        memory_bytes: Memory it may use before the kernel kills it.
        gpus: GPUs it may use.
    """

    cores: int
    memory_bytes: int
    gpus: int


def this_machine() -> Machine:
    """Detect what this process may use now."""
    return Machine(
        cores=usable_cores(), memory_bytes=usable_memory_bytes(), gpus=visible_gpu_count()
    )


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Cores by affinity and by the control group's quota, whichever is less; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    quota = _quota_cores(cgroup)
    cores = allowed or os.cpu_count() or 1
    return max(1, cores if quota is None else min(cores, int(quota)))


def usable_memory_bytes(cgroup: Path = CGROUP) -> int:
    """Physical memory, or the control group's limit where that is less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (_number(cgroup / p) for p in ("memory.max", "memory/memory.limit_in_bytes"))
    return min([physical, *(int(limit) for limit in limits if limit is not None)])


def visible_gpu_count() -> int:
    """Number of GPUs this process may use."""
    return len(visible_gpus())


def visible_gpus() -> list[str]:
    """GPUs this process may use, as CUDA_VISIBLE_DEVICES names them.

    Creates no CUDA context, so it is safe before workers start. CUDA ignores everything in
    CUDA_VISIBLE_DEVICES from the first invalid entry on, so an empty mask and "-1" hide all GPUs.
    """
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        total = int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:
        return []
    mask = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [str(n) for n in range(total)] if mask is None else _masked(mask, total)


def own_array_module() -> str:
    """``cupy`` where this process sees a GPU and CuPy is installed, else ``numpy``.

    Dask-CUDA gives each worker a mask that begins with its own GPU; a worker for the CPU on a
    machine with GPUs is started with ``CUDA_VISIBLE_DEVICES=-1``.
    """
    has_cupy = importlib.util.find_spec("cupy") is not None
    return "cupy" if has_cupy and visible_gpu_count() else "numpy"


def _masked(mask: str, total: int) -> list[str]:
    found = list[str]()
    for item in (part.strip() for part in mask.split(",")):
        by_id = item.startswith(("GPU-", "MIG-"))
        if not (by_id or (item.isdigit() and int(item) < total)):
            break
        found.append(item)
    return found


def _quota_cores(cgroup: Path) -> float | None:
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        quota_us = _number(cgroup / "cpu/cpu.cfs_quota_us")
        period_us = _number(cgroup / "cpu/cpu.cfs_period_us")
    if quota_us is None or period_us is None or quota_us <= 0 or period_us <= 0:
        return None
    return quota_us / period_us


def _number(path: Path) -> float | None:
    """A control group's number; None where there is no such file or it contains ``max``."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None
