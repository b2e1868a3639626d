"""What ingest reads: a file, or rows that were fetched into one.

Why: a plan identifies each item by its content before it is read, wherever it comes from, and the rest
    of ingest is the same for all of them.
Not here: files (``locate.py``), queries (``query.py``), lake tables (``lake.py``).
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class SourceItem(Protocol):
    """One item of a partition's source."""

    @property
    def name(self) -> str:
        """Its name in manifests and messages."""

    def digest(self) -> str:
        """Sha256 of its content."""

    def size_bytes(self) -> int:
        """Its size in bytes, 0 where it is unknown."""

    def age_s(self) -> float:
        """Seconds since it was last written; infinite where it is unknown or cannot change."""

    def local(self) -> AbstractContextManager[Path]:
        """A file with its content, within the context."""
