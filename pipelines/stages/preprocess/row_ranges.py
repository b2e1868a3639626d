"""Pieces of a day: so many rows of its feature table, the unit of a task.

Why: a day may be larger than a worker's memory, and a lost worker should cost seconds.
Promise: pieces are cut by rows, whatever row groups these lie in, and halved between the chunks
    that statistics are kept by; so what is made of them depends on the rows alone.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.operators import moments
from pipelines.operators.operator import Operator, State
from pipelines.operators.program import Program
from pipelines.shared.compute.splitting import Splittable
from pipelines.shared.tables.schema import GROUP_ROWS
from pipelines.shared.tables.values import read_rows

FEATURES_PART = "part-0.parquet"
# Those of a row group as it is written: a piece is then read without a row too many.
PIECE_ROWS = GROUP_ROWS


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a day.

    Attributes:
        day: Day.
        path: Part of its feature table.
        first: Place of the first of them in the day.
        rows: How many.
    """

    day: str
    path: str
    first: int
    rows: int

    def halves(self) -> "list[Piece]":
        """Two pieces, cut between chunks; none where it is one chunk."""
        head = -(-self.rows // (2 * moments.CHUNK_ROWS)) * moments.CHUNK_ROWS
        if head >= self.rows:
            return []
        tail = replace(self, first=self.first + head, rows=self.rows - head)
        return [replace(self, rows=head), tail]


@dataclass(frozen=True, slots=True)
class LearnTask(Splittable):
    """A piece to learn from: what, and in which array module."""

    piece: Piece
    program: Program
    array_module: str

    def split(self) -> "list[LearnTask]":
        """Tasks of half the rows each."""
        return [replace(self, piece=half) for half in self.piece.halves()]

    def join(self, results: "Sequence[Learnt]") -> "Learnt":
        """What they learnt together."""
        asked = self.program.asked()
        return Learnt(self.piece, merged([result.states for result in results], asked))


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was found in a piece, by what was asked."""

    piece: Piece
    states: dict[str, State]


def pieces_of(day: str, path: Path) -> list[Piece]:
    """The pieces of a day's feature table, in order; none for a day without rows."""
    rows = pq.read_metadata(path).num_rows
    starts = range(0, rows, PIECE_ROWS)
    return [Piece(day, str(path), first, min(PIECE_ROWS, rows - first)) for first in starts]


def merged(
    parts: Sequence[Mapping[str, State]], asked: Mapping[str, tuple[Operator, ...]]
) -> dict[str, State]:
    """What neighbouring parts say together of all that is asked."""
    return {
        said: steps[-1].merge([states[said] for states in parts])
        for said, steps in asked.items()
    }


def columns_of(folder: Path) -> list[str]:
    """Columns of a day's published features."""
    return list(pq.read_schema(folder / FEATURES_PART).names)


def learn(task: LearnTask) -> Learnt:
    """Read a piece's columns and summarise them."""
    xp: Any = importlib.import_module(task.array_module)
    piece = task.piece
    columns = read_rows(xp, Path(piece.path), piece.first, piece.rows, task.program.kinds)
    return Learnt(piece, task.program.partials(xp, columns))
