"""A stage in a new interpreter.

Why: the robust start method. Nothing is shared with the parent, so TensorFlow, CUDA and Dask start
    as they would from a terminal.
Promise: the child leads a process group of its own, and nothing of that group is left when
    :meth:`Spawned.reap` has returned, or when this process was killed.
Not here: monitoring the child (``monitor.py``), the faster start method (``client.py``), what its
    environment holds (``environ.py``).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from pipelines.core.memory import peak_memory_bytes
from pipelines.process.environ import working_directory
from pipelines.process.wire import ALIVE_FD, EVENTS_FD, PARENT

# Waits for the end of the pipe that the parent alone holds open, then ends the child's group.
SENTINEL = 'read _; kill -9 "-$0"'


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended.

    Attributes:
        code: Exit code; minus the signal's number if a signal ended it; None if it is unknown
            because the fork server went away.
        cpu_seconds: User and system time, of the children it waited for as well.
        max_rss_bytes: The kernel's figure for its largest process, 0 where it reports none.
        stopped: The fork server ended it because the server itself was stopped.
    """

    code: int | None
    cpu_seconds: float
    max_rss_bytes: int
    stopped: bool = False


@dataclass(slots=True)
class Channels:
    """The pipes between a parent and one child.

    Attributes:
        events: Events, to read.
        output: What the child prints, to read.
        alive: Kept open by the parent alone; the child reads end-of-file when the parent is gone.
        theirs: The child's ends: events, output, alive.
    """

    events: int
    output: int
    alive: int
    theirs: tuple[int, int, int]
    _open: set[int] = field(default_factory=set)

    @classmethod
    def make(cls) -> Self:
        """Open three pipes."""
        events, events_w = os.pipe()
        output, output_w = os.pipe()
        alive_r, alive = os.pipe()
        theirs = (events_w, output_w, alive_r)
        return cls(events, output, alive, theirs, {events, output, alive, *theirs})

    def close(self, *fds: int) -> None:
        """Close these ends, or all that are open."""
        for fd in fds or tuple(self._open):
            self._open.discard(fd)
            os.close(fd)


class Spawned:
    """A child in a new interpreter, leading its own process group.

    Attributes:
        pid: The child, and its process group.
        fd: Becomes readable when the child has ended.
    """

    def __init__(
        self, module: str, argv: Sequence[str], env: Mapping[str, str], channels: Channels
    ) -> None:
        events, output, alive = channels.theirs
        per_run = {EVENTS_FD: str(events), ALIVE_FD: str(alive), PARENT: str(os.getpid())}
        self._popen = subprocess.Popen(
            [sys.executable, "-m", module, *argv],
            cwd=working_directory(),
            env={**env, **per_run},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(events, alive),
            process_group=0,  # else a signal to the parent's group would end it without a grace period
        )
        self._reaping = False
        self.pid = self._popen.pid
        # If this process is killed, the kernel ends the child but not the child's own children.
        self._sentinel = subprocess.Popen(
            ["/bin/sh", "-c", SENTINEL, str(self.pid)],
            stdin=alive,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self.fd = os.pidfd_open(self.pid)

    def poll(self) -> bool:
        """Return whether the child has ended; called when ``fd`` is readable."""
        return True

    def signal(self, signum: int) -> None:
        """Signal the whole group: a Dask cluster closes by itself only if its workers get it too."""
        if not self._reaping:  # an unreaped child keeps its group's id from being used again
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signum)

    def reap(self) -> Exit:
        """End what is left of the group, and return the child's exit and usage."""
        self._sentinel.kill()
        self._sentinel.wait()
        self.signal(signal.SIGKILL)
        self._reaping = True
        _, status, used = os.wait4(self.pid, 0)
        self._popen.returncode = code = os.waitstatus_to_exitcode(status)
        os.close(self.fd)
        max_rss_bytes = used.ru_maxrss * 1024
        # It starts at the size of this process, whose memory the child shared until exec.
        known = max_rss_bytes > peak_memory_bytes()
        return Exit(code, used.ru_utime + used.ru_stime, max_rss_bytes if known else 0)
