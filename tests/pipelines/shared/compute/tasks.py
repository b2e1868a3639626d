"""Functions that workers import: they cannot be defined in a test."""

import os
import resource
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipelines.shared.compute.splitting import Splittable


def square(value):
    return value * value


def add(values):
    return sum(values)


def nested(values):
    return list(values)


def small_array(number):
    return np.full(1000, number)


def page_faults(repeats):
    """How many pages the kernel hands out while arrays of 4 MiB (1,024 pages) come and go."""
    for _ in range(3):
        np.ones(1 << 19)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(repeats):
        np.ones(1 << 19)
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def own_pid(_):
    return os.getpid()


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(flag):
    """Die on the first call only: what the kernel does to a worker by chance."""
    if not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def hang(flag):
    Path(flag).touch()
    time.sleep(600)


def no_memory(_):
    raise MemoryError("Unable to allocate 8 EiB")


def refuse(value):
    raise ValueError(f"value {value} is refused")


@dataclass(frozen=True)
class Slab(Splittable):
    """So many float64 to be held at once, between two numbers; halves of it are slabs too."""

    start: int
    stop: int
    log: str = ""
    room_bytes: int = 0
    array_module: str = "numpy"

    def split(self):
        middle = (self.start + self.stop) // 2
        halves = (self.start, middle), (middle, self.stop)
        return [replace(self, start=a, stop=b) for a, b in halves if b > a]

    def join(self, results):
        return sum(results)


def total(slab):
    """Sum of the slab's numbers; this process may take ``room_bytes`` more, by the kernel's limit."""
    if slab.log:
        with Path(slab.log).open("a") as file:
            file.write(f"{slab.array_module} {slab.stop - slab.start}\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    if slab.room_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (used + slab.room_bytes, hard))
    try:
        return int(np.arange(slab.start, slab.stop, dtype=np.float64).sum())
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def die_of_more_than(slab):
    """What the kernel does to a worker that takes too much."""
    if slab.stop - slab.start > slab.room_bytes:
        os.kill(os.getpid(), signal.SIGKILL)
    return sum(range(slab.start, slab.stop))


def no_memory_for_more_than_room(slab):
    if slab.stop - slab.start > slab.room_bytes:
        raise MemoryError("for a test")
    return sum(range(slab.start, slab.stop))


def no_memory_on_a_gpu(slab):
    """A GPU's memory is too small whatever the part; CuPy's error is a MemoryError."""
    with Path(slab.log).open("a") as file:
        file.write(f"{slab.array_module} {slab.stop - slab.start}\n")
    if slab.array_module == "cupy":
        raise MemoryError("out_of_memory: CUDA error")
    return sum(range(slab.start, slab.stop))


PART = 2_000_000


def part(number):
    """16 MB of one number."""
    return np.full(PART, number, np.float64)


def summed(_, parts):
    """One part at a time, as those that were spilled are read again."""
    whole = np.zeros(PART)
    for each in parts:
        whole += each
    return whole


def spilled_bytes(dask_worker):
    """What this worker has written to disk for want of memory."""
    return dask_worker.data.cumulative_metrics["disk-write", "bytes"]
