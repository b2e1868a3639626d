"""What a child prints, cut into lines and kept to an amount a log can take.

Why: one chatty library can write millions of lines, and Airflow stores each of them.
Promise: memory is bounded whatever is printed; what is left out is counted and said; the
    last lines, which hold the traceback, are always told.
Not here: reading the pipe (``launch.py``).
"""

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pipelines.core.memory import tells_of_memory
from pipelines.core.text import readable

BURST_LINES = 2_000
LINES_PER_S = 100.0
LINE_BYTES = 8_192
TAIL_LINES = 20

# Progress bars rewrite their line with \r; each state is a line here.
_BREAK = re.compile(rb"[\r\n]+")


def _last_lines() -> deque[str]:
    return deque(maxlen=TAIL_LINES)


def _text_of(line: bytes) -> str:
    """A line for a log that people read; a byte can become an escape of ten characters."""
    return readable(line.decode(errors="replace"), LINE_BYTES, lines=True)


@dataclass(slots=True)
class LineCutter:
    """Cut bytes into lines and hand on ``BURST_LINES`` of them, then ``LINES_PER_S``.

    Attributes:
        on_line: Gets each line kept, without its end. Blank lines are dropped.
        clock: Seconds, monotonic.
        tail: The last lines printed, whether handed on or not.
        of_memory: The last one that says memory ran out; a crash prints stacks after it.
    """

    on_line: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    tail: deque[str] = field(default_factory=_last_lines)
    of_memory: str = ""
    _rest: bytes = b""
    _allowed: float = float(BURST_LINES)
    _last: float | None = None
    _left_out: int = 0
    _unsaid: deque[str] = field(default_factory=_last_lines)

    def feed(self, data: bytes) -> None:
        """Take the bytes that came, and hand on the lines they complete."""
        *whole, self._rest = _BREAK.split(self._rest + data)
        while len(self._rest) >= LINE_BYTES:
            whole.append(self._rest[:LINE_BYTES])
            self._rest = self._rest[LINE_BYTES:]
        self._refill()
        self._take([line for line in whole if line.strip()])

    def close(self) -> None:
        """Hand on the unfinished line, and the last of what was left out."""
        rest, self._rest = self._rest, b""
        if self._left_out:
            self._leave_out([rest] if rest else [])
            self._say_left_out()
        elif rest.strip():
            self._tell(rest)

    def _refill(self) -> None:
        now = self.clock()
        if self._last is not None:
            earned = (now - self._last) * LINES_PER_S
            self._allowed = min(self._allowed + earned, float(BURST_LINES))
        self._last = now

    def _take(self, lines: list[bytes]) -> None:
        if self._left_out:
            # Waiting for a second's worth keeps the notes about left-out lines rare.
            if self._allowed < LINES_PER_S:
                self._leave_out(lines)
                return
            self._say_left_out()
        kept = min(len(lines), int(self._allowed))
        for line in lines[:kept]:
            self._tell(line)
        self._leave_out(lines[kept:])

    def _tell(self, line: bytes) -> None:
        text = _text_of(line)
        self._keep(text)
        self._allowed -= 1
        self.on_line(text)

    def _leave_out(self, lines: list[bytes]) -> None:
        """Count lines, keeping the last few in case nothing comes after them."""
        self._left_out += len(lines)
        for line in lines[-TAIL_LINES:]:
            text = _text_of(line)
            self._unsaid.append(text)
            self._keep(text)

    def _say_left_out(self) -> None:
        unsaid, self._unsaid = self._unsaid, _last_lines()
        left_out, self._left_out = self._left_out - len(unsaid), 0
        if left_out:
            self.on_line(
                f"[{left_out:,} lines left out: a stage's log takes {BURST_LINES:,} at once, "
                f"then {LINES_PER_S:.0f} a second]"
            )
        self._allowed -= len(unsaid)
        for text in unsaid:
            self.on_line(text)

    def _keep(self, text: str) -> None:
        self.tail.append(text)
        if tells_of_memory(text):
            self.of_memory = text
