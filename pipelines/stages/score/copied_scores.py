"""A partition's scores as something that is copied, and what has copies.

Not here: which copies are declared (``exports.py``), writing them (``export_file.py``, ``export_table.py``).
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ScoresToCopy:
    """A partition's scores.

    Attributes:
        pipeline: Name of the pipeline.
        partition: Key of the partition.
        digest: What names these scores: the digest of the work that made them.
        rows: Their number.
    """

    pipeline: str
    partition: str
    digest: str
    rows: int


class CopyTarget(Protocol):
    """A folder or a table that gets a copy of each partition's scores."""

    def stands(self, scores: ScoresToCopy) -> bool:
        """Whether it has these very scores."""

    def write(self, scores: ScoresToCopy) -> str:
        """Replace the partition's scores there, and say what was written where."""
