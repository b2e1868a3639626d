"""What this machine can do, in words, for ``doctor`` and ``check``.

Why: most first-run problems are cores, memory, disk, GPUs or a version.
Promise: versions are read from package metadata; nothing heavy is imported, nothing started.
"""

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipelines.shared.compute.machine import this_machine

GIB = 1 << 30
PACKAGES = ("apache-airflow", "tensorflow", "keras", "dask", "great-expectations", "mlflow")


def describe(folder: Path) -> dict[str, str]:
    """Facts by name, each a short text.

    Args:
        folder: Its disk's free space is one of them.
    """
    machine = this_machine()
    facts = {
        "cores": str(machine.cores),
        "memory": f"{machine.memory_bytes / GIB:.1f} GiB",
        "free disk": f"{shutil.disk_usage(folder).free / GIB:.0f} GiB",
        "GPUs": str(machine.gpus) if machine.gpus else "none: trains on the CPU",
        "python": platform.python_version(),
    }
    return facts | {package: _version(package) for package in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
