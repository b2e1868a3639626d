"""The number of micro-batches of a step: doubled after each try that ran out of memory.

Why: the memory that a step needs is known only when it runs, and a try that the kernel killed
    cannot report it.
Promise: the number grows only where memory was too small: after an out-of-memory error, or after a
    try that did not end and during which the kernel counted an out-of-memory kill.
Not here: the accumulation over micro-batches (``steps.py``), the kernel's count (``pipelines/core/oom_kills.py``).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pipelines.core.oom_kills import OomKills, oom_kills


class MicroBatches:
    """The number of micro-batches that a replica's rows of a step are divided into."""

    def __init__(
        self, scratch: Path, declared: int, kills: Callable[[], OomKills] = oom_kills
    ) -> None:
        """Read the number that earlier tries stored.

        Args:
            scratch: Folder that outlives a kill.
            declared: Least number of micro-batches.
            kills: Returns the kernel's current count.
        """
        self._file, self._started = scratch / "micro_batches", scratch / "started.json"
        self._kills = kills
        found = int(self._file.read_text()) if self._file.exists() else 0
        self.count = max(found, declared)

    def __str__(self) -> str:
        return f"{self.count} {'micro-batch' if self.count == 1 else 'micro-batches'}"

    def next_try(self, most: int) -> str:
        """Store twice the number for the next try, and describe it.

        Args:
            most: Rows of a replica's step, the largest possible number.
        """
        if self.count >= most:
            return "A micro-batch is a single row: the network itself is too large."
        _write(self._file, str(self.count * 2))
        return (
            f"The next try uses {self.count * 2} micro-batches, one after another. The batch size "
            f"stays the same."
        )

    def double_after_kill(self, most: int) -> str:
        """Double the number if the previous try was killed because memory was too small.

        Args:
            most: Rows of a replica's step, the largest possible number.

        Returns:
            A log line that gives the reason; empty if the number is unchanged.
        """
        kills = self._kills_during_previous_try()
        if not kills:
            return ""
        reason = (
            f"the previous try ended without an error with {self} a replica, and the kernel counted "
            f"{kills} out-of-memory {'kill' if kills == 1 else 'kills'} meanwhile"
        )
        if self.count >= most:
            return (
                f"{reason}; a micro-batch is a single row, so the network itself is too large"
            )
        self.count *= 2
        _write(self._file, str(self.count))
        return f"{reason}: now using {self}, the batch size stays the same"

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Mark a try as running, until it ends in any way but a kill."""
        _write(self._started, json.dumps(asdict(self._kills())))
        try:
            yield
        finally:
            self._started.unlink(missing_ok=True)

    def _kills_during_previous_try(self) -> int:
        if not self._started.exists():
            return 0
        before = OomKills(**json.loads(self._started.read_text()))
        # Removed at once: a kill counts for one try only.
        self._started.unlink()
        return self._kills().since(before)


def _write(file: Path, text: str) -> None:
    staged = file.with_name(f".{file.name}")
    staged.write_text(text)
    staged.replace(file)
