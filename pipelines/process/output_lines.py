"""A child's output, split into lines and limited to a rate that a log can take.

Why: one chatty library can write millions of lines, and Airflow stores each of them.
Promise: memory is bounded whatever is printed; omitted lines are counted and the count is
    logged; the last lines, which hold the traceback, are always logged.
Not here: reading the pipe (``monitor.py``).
"""

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pipelines.core.memory import mentions_out_of_memory
from pipelines.core.text import readable

BURST_LINES = 2_000
LINES_PER_S = 100.0
LINE_BYTES = 8_192
TAIL_LINES = 20

# Progress bars rewrite their line with \r; each rewrite is a line here.
_BREAK = re.compile(rb"[\r\n]+")


def _last_lines() -> deque[str]:
    return deque(maxlen=TAIL_LINES)


def _text_of(line: bytes) -> str:
    """A line for a log that people read; a byte can become an escape of ten characters."""
    return readable(line.decode(errors="replace"), LINE_BYTES, lines=True)


@dataclass(slots=True)
class LineCutter:
    """Split bytes into lines and pass on ``BURST_LINES`` of them, then ``LINES_PER_S``.

    Attributes:
        on_line: Called with each line kept, without its end. Blank lines are dropped.
        clock: Seconds, monotonic.
        tail: The last lines printed, whether passed on or omitted.
        of_memory: The last line that reports out of memory; a crash prints stacks after it.
    """

    on_line: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    tail: deque[str] = field(default_factory=_last_lines)
    of_memory: str = ""
    _rest: bytes = b""
    _allowed: float = float(BURST_LINES)
    _last: float | None = None
    _omitted: int = 0
    _pending: deque[str] = field(default_factory=_last_lines)

    def feed(self, data: bytes) -> None:
        """Receive bytes, and pass on the lines that they complete."""
        *whole, self._rest = _BREAK.split(self._rest + data)
        while len(self._rest) >= LINE_BYTES:
            whole.append(self._rest[:LINE_BYTES])
            self._rest = self._rest[LINE_BYTES:]
        self._refill()
        self._take([line for line in whole if line.strip()])

    def close(self) -> None:
        """Pass on the unfinished line, and the last of the omitted lines."""
        rest, self._rest = self._rest, b""
        if self._omitted:
            self._omit([rest] if rest else [])
            self._report_omitted()
        elif rest.strip():
            self._emit(rest)

    def _refill(self) -> None:
        now = self.clock()
        if self._last is not None:
            earned = (now - self._last) * LINES_PER_S
            self._allowed = min(self._allowed + earned, float(BURST_LINES))
        self._last = now

    def _take(self, lines: list[bytes]) -> None:
        if self._omitted:
            # Waiting for a second's worth keeps the notes about omitted lines rare.
            if self._allowed < LINES_PER_S:
                self._omit(lines)
                return
            self._report_omitted()
        kept = min(len(lines), int(self._allowed))
        for line in lines[:kept]:
            self._emit(line)
        self._omit(lines[kept:])

    def _emit(self, line: bytes) -> None:
        text = _text_of(line)
        self._keep(text)
        self._allowed -= 1
        self.on_line(text)

    def _omit(self, lines: list[bytes]) -> None:
        """Count lines, keeping the last few in case nothing comes after them."""
        self._omitted += len(lines)
        for line in lines[-TAIL_LINES:]:
            text = _text_of(line)
            self._pending.append(text)
            self._keep(text)

    def _report_omitted(self) -> None:
        pending, self._pending = self._pending, _last_lines()
        omitted, self._omitted = self._omitted - len(pending), 0
        if omitted:
            self.on_line(
                f"[{omitted:,} lines omitted: a stage's log takes {BURST_LINES:,} at once, "
                f"then {LINES_PER_S:.0f} a second]"
            )
        self._allowed -= len(pending)
        for text in pending:
            self.on_line(text)

    def _keep(self, text: str) -> None:
        self.tail.append(text)
        if mentions_out_of_memory(text):
            self.of_memory = text
