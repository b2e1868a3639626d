"""The kernel's count of out-of-memory kills, as far as a process can read it.

Why: a process killed with SIGKILL leaves no message, and only the kernel's counter distinguishes
    out of memory from a kill by a person or a supervisor.
Promise: two counts are compared only within one control group of one boot; where no counter can
    be read, no cause is claimed.
Not here: what follows from it (``pipelines/stages/train/micro_batches.py``, ``pipelines/process/launch.py``).

Source:
    Linux, Documentation/admin-guide/cgroup-v2.rst (``memory.events``) and cgroup-v1/memory.rst
    (``memory.oom_control``): both have a line ``oom_kill`` with the processes killed.
"""

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipelines.core.errors import OutOfMemoryError, PipelineError, WorkerLostError

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")
COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OomKills:
    """The kernel's count of out-of-memory kills in one control group.

    Attributes:
        scope: Boot and control group that are counted; empty where no counter can be read.
        count: Processes killed there since it was created.
    """

    scope: str
    count: int

    def since(self, before: Self) -> int:
        """Kills since an earlier count; 0 where the two are not of the same scope."""
        same = bool(self.scope) and self.scope == before.scope
        return max(self.count - before.count, 0) if same else 0


def oom_kills(proc: Path = PROC, cgroup: Path = CGROUP) -> OomKills:
    """The count of this process's control group, else of the whole machine.

    Args:
        proc: Where the proc file system is mounted.
        cgroup: Where control groups are mounted.
    """
    for path in (*_of_groups(proc, cgroup), proc / "vmstat"):
        try:
            found = COUNT.search(path.read_text())
            if found:
                boot = (proc / "sys/kernel/random/boot_id").read_text().strip()
                return OomKills(f"{boot} {path} {path.parent.stat().st_ino}", int(found[1]))
        except OSError:
            continue
    return OomKills("", 0)


def killed_helper(what: str, signal_number: int, before: OomKills) -> PipelineError:
    """The error of a helper process that a signal ended: out of memory, or a lost worker.

    Args:
        what: What it was doing, for the message.
        signal_number: The signal.
        before: The kernel's count when it was started.
    """
    name = signal.Signals(signal_number).name
    ended = f"The process of {what} was ended by {name}"
    now = oom_kills()
    if signal_number != signal.SIGKILL or (now.scope and not now.since(before)):
        return WorkerLostError(
            f"{ended}, and the kernel counted no out-of-memory kill. Run it again."
        )
    why = "by the kernel's out-of-memory killer" if now.scope else "most likely for memory"
    return OutOfMemoryError(
        f"{ended}, {why}. Run it again when fewer other processes run, or on a machine with more "
        f"memory."
    )


def _of_groups(proc: Path, cgroup: Path) -> Iterator[Path]:
    """Paths that may hold the counter of this process's group, the likeliest first.

    In a container the group's path is that of the host, and its own group is mounted at the root.
    """
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") > 1):
        if controllers and "memory" not in controllers.split(","):
            continue
        root = cgroup / "memory" if controllers else cgroup
        name = "memory.oom_control" if controllers else "memory.events"
        yield from (root / path.lstrip("/") / name, root / name)
