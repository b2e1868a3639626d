"""Monitor one child: its events, output lines, memory, exit and grace period.

Why: a child that floods its output, ignores SIGTERM or leaves a grandchild with an open pipe
    must not hold up the task that waits for it.
Promise: no read blocks; a stop is enforced within its grace period however much the child prints.
Not here: starting the child (``spawn.py``, ``client.py``), what its exit means (``launch.py``).
"""

import json
import os
import selectors
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol, TypeVar

from pipelines.core.memory import peak_memory_bytes
from pipelines.process.output_lines import LineCutter
from pipelines.process.spawn import Channels, Exit

TICK_S = 0.2
DRAIN_S = 1.0
MEMORY_EVERY_S = 1.0
# After SIGKILL the kernel needs a moment; a fork server that is silent for longer is abandoned.
GIVE_UP_S = 5.0
READ_BYTES = 65_536

_T = TypeVar("_T")


class Child(Protocol):
    """A running stage, wherever it was started.

    Attributes:
        pid: The child, leader of its process group.
        fd: Readable when the child has ended.
    """

    pid: int
    fd: int

    def poll(self) -> bool:
        """Return whether the child has ended; called when ``fd`` is readable."""

    def signal(self, signum: int) -> None:
        """Signal the child's group. Never blocks."""

    def reap(self) -> Exit:
        """End what is left of the group, and return the child's exit and usage."""


class ChildMonitor:
    """Monitor one child until it ends.

    Attributes:
        result: The fields of its ``result`` event.
        error: Its ``error`` event.
        usage: Its ``usage`` event.
        peak_seen_bytes: The largest VmHWM seen from outside, sampled once a second.
    """

    def __init__(
        self,
        child: Child,
        channels: Channels,
        on_event: Callable[[Mapping[str, object]], None],
        on_line: Callable[[str], None],
    ) -> None:
        self.result: dict[str, object] | None = None
        self.error: Mapping[str, object] | None = None
        self.usage: Mapping[str, object] = {}
        self.peak_seen_bytes = 0
        self.lines = LineCutter(self._line)
        self._child, self._on_event, self._on_line = child, on_event, on_line
        self._events_rest = b""
        self._quiet = self._ended = False
        self._sample_at = 0.0
        self._pipes = {channels.events, channels.output}
        self._feeds = {channels.events: self._feed_events, channels.output: self.lines.feed}
        self._selector = selectors.DefaultSelector()
        for fd in (child.fd, *self._pipes):
            self._selector.register(fd, selectors.EVENT_READ)

    def follow(self, kill_at: Callable[[], float | None], *, quiet: bool = False) -> None:
        """Monitor the child until it has ended and its output is read.

        Args:
            kill_at: When the child is to be killed, if at all (monotonic seconds).
            quiet: Ignore errors of the callbacks: they have failed before.
        """
        self._quiet = quiet
        drain_until = float("inf")
        killed = False
        while self._pipes or not self._ended:
            self._step()
            now = time.monotonic()
            deadline = kill_at()
            is_due = deadline is not None and now >= deadline
            if self._ended:
                drain_until = min(drain_until, now + DRAIN_S)
            elif is_due and not killed:
                self._child.signal(signal.SIGKILL)
                killed = True
            if now > drain_until or (killed and self._is_overdue(now, deadline)):
                break
        self.lines.close()

    @staticmethod
    def _is_overdue(now: float, deadline: float | None) -> bool:
        return deadline is not None and now > deadline + GIVE_UP_S

    def close(self) -> None:
        """Close the selector."""
        self._selector.close()

    def _step(self) -> None:
        """Read what is available, or wait a moment for it."""
        for key, _ in self._selector.select(TICK_S):
            if key.fd in self._pipes:
                self._read(key.fd)
            elif self._child.poll():
                self._ended = True
                self._selector.unregister(key.fd)
                self._child.signal(signal.SIGKILL)  # leftovers, which hold the pipes open
        if not self._ended and time.monotonic() >= self._sample_at:
            self._sample_at = time.monotonic() + MEMORY_EVERY_S
            self.peak_seen_bytes = max(self.peak_seen_bytes, peak_memory_bytes(self._child.pid))

    def _read(self, fd: int) -> None:
        data = os.read(fd, READ_BYTES)
        if not data:
            self._pipes.discard(fd)
            self._selector.unregister(fd)
            return
        self._feeds[fd](data)

    def _feed_events(self, data: bytes) -> None:
        *whole, self._events_rest = (self._events_rest + data).split(b"\n")
        for line in whole:
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            if isinstance(event, dict) and "event" in event:
                self._take(event)
            else:
                self._line(f"[not an event] {line[:500].decode(errors='replace')}")

    def _take(self, event: Mapping[str, object]) -> None:
        kind = event["event"]
        if kind == "result" and isinstance(event.get("result"), dict):
            self.result = dict(event["result"])  # type: ignore[call-overload]
        elif kind == "error":
            self.error = event
        elif kind == "usage":
            self.usage = event
        self._call(self._on_event, event)

    def _line(self, text: str) -> None:
        self._call(self._on_line, text)

    def _call(self, callback: Callable[[_T], None], value: _T) -> None:
        if not self._quiet:
            callback(value)
            return
        with suppress(Exception):  # the first failure is the one that is raised
            callback(value)
