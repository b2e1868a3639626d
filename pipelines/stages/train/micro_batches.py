"""In how many pieces a step is worked through: more after each try that found no memory.

Why: how much memory a step takes is known once it is run, and a try that the kernel killed for it
    cannot say so any more.
Promise: the number grows only where memory was missing: after an error that said so, or after a
    try without an end during which the kernel counted a kill for want of memory.
Not here: the pieces themselves (``steps.py``), the counting (``pipelines/core/oom_kills.py``).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pipelines.core.oom_kills import OomKills, oom_kills


class Pieces:
    """Pieces that a replica's rows of a step are worked through in."""

    def __init__(
        self, scratch: Path, declared: int, kills: Callable[[], OomKills] = oom_kills
    ) -> None:
        """Read what earlier tries came to.

        Args:
            scratch: Folder that outlives a kill.
            declared: Pieces at least.
            kills: The kernel's count now.
        """
        self._file, self._begun = scratch / "micro_batches", scratch / "begun.json"
        self._kills = kills
        found = int(self._file.read_text()) if self._file.exists() else 0
        self.count = max(found, declared)

    def __str__(self) -> str:
        return f"{self.count} {'piece' if self.count == 1 else 'pieces'}"

    def next_try(self, most: int) -> str:
        """Remember twice as many for the next try, and say so.

        Args:
            most: Rows of a replica's step, beyond which there are no more pieces.
        """
        if self.count >= most:
            return "A piece is a single row: the network itself is too large."
        _write(self._file, str(self.count * 2))
        return (
            f"The next try works through {self.count * 2} pieces, one after another, the batch "
            f"staying the same."
        )

    def learn(self, most: int) -> str:
        """Work through twice as many where the try before was killed for want of memory.

        Args:
            most: Rows of a replica's step, beyond which there are no more pieces.

        Returns:
            What was found, as a line for the log; empty for nothing.
        """
        kills = self._kills_of_the_try_before()
        if not kills:
            return ""
        told = (
            f"the try before ended without a word in {self} a replica, and the kernel counted "
            f"{kills} out-of-memory {'kill' if kills == 1 else 'kills'} meanwhile"
        )
        if self.count >= most:
            return f"{told}; a piece is a single row, so the network itself is too large"
        self.count *= 2
        _write(self._file, str(self.count))
        return f"{told}: working through {self}, the batch staying the same"

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Note that a try is under way, until it ends in any way that it can tell of."""
        _write(self._begun, json.dumps(asdict(self._kills())))
        try:
            yield
        finally:
            self._begun.unlink(missing_ok=True)

    def _kills_of_the_try_before(self) -> int:
        if not self._begun.exists():
            return 0
        before = OomKills(**json.loads(self._begun.read_text()))
        # Taken away at once: a kill is counted for one try alone.
        self._begun.unlink()
        return self._kills().since(before)


def _write(file: Path, text: str) -> None:
    aside = file.with_name(f".{file.name}")  # `aside-*` are the folders of killed saves
    aside.write_text(text)
    aside.replace(file)
