"""What a command costs: CPU of its whole process tree, wall time, and its processes' peak memory."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass

from pipelines.core.memory import peak_memory_bytes

SAMPLE_S = 0.05


@dataclass(frozen=True, order=True)
class Used:
    """What a command took; orders by CPU.

    Attributes:
        cpu_s: CPU-seconds of the process and all that it waited for.
        wall_s: Seconds from start to end.
        own_bytes: Peak memory of the process itself.
        started_bytes: Peak memory of the largest process that it started; 0 without any.
    """

    cpu_s: float
    wall_s: float
    own_bytes: int
    started_bytes: int

    @property
    def peak_bytes(self):
        """Peak memory of the largest process."""
        return max(self.own_bytes, self.started_bytes)


def measured(argv, **environment):
    """Run a command to its end and measure what it took.

    Peaks are the kernel's own high-water marks, read while the processes live.

    Raises:
        SystemExit: The command failed.
    """
    started, before = time.monotonic(), os.times()
    child = subprocess.Popen(argv, env=os.environ | environment)
    peaks, done = {}, threading.Event()
    watching = threading.Thread(target=_watch, args=(child.pid, peaks, done), daemon=True)
    watching.start()
    code = child.wait()
    done.set()
    watching.join()
    after = os.times()
    if code:
        raise SystemExit(f"{' '.join(argv)} ended with {code}")
    user = after.children_user - before.children_user
    system = after.children_system - before.children_system
    own = peaks.pop(child.pid, 0)
    wall_s = time.monotonic() - started
    return Used(user + system, wall_s, own, max(peaks.values(), default=0))


def _watch(pid, peaks, done):
    """Keep the last mark of each process: one that is forked has its parent's until it executes."""
    import psutil

    while not done.wait(SAMPLE_S):
        try:
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.Error:
            continue
        for process in tree:
            peaks[process.pid] = peak_memory_bytes(process.pid) or peaks.get(process.pid, 0)
