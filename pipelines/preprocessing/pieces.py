"""Pieces of a day: row groups of its feature table, the unit of a task.

Why: a day may be larger than a worker's memory, and a lost worker should cost seconds.
Promise: a feature table's row groups have a fixed number of rows, so what is made of pieces in
    their order depends on the rows alone.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.operators.operator import State
from pipelines.operators.program import Program
from pipelines.tables.values import read_values

FEATURES_PART = "part-0.parquet"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a day.

    Attributes:
        day: Day.
        path: Part of its feature table.
        row_group: Which rows of it.
        first: Place of the first of them in the day.
        rows: How many.
    """

    day: str
    path: str
    row_group: int
    first: int
    rows: int


@dataclass(frozen=True, slots=True)
class LearnTask:
    """A piece to learn from: what, and in which array module."""

    piece: Piece
    program: Program
    array_module: str


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was found in a piece, by what was asked."""

    piece: Piece
    states: dict[str, State]


def pieces_of(day: str, path: Path) -> list[Piece]:
    """The pieces of a day's feature table, in order; none for a day without rows."""
    found, first = list[Piece](), 0
    about = pq.read_metadata(path)
    for group in range(about.num_row_groups):
        rows = about.row_group(group).num_rows
        found += [Piece(day, str(path), group, first, rows)] if rows else []
        first += rows
    return found


def columns_of(folder: Path) -> list[str]:
    """Columns of a day's published features."""
    return list(pq.read_schema(folder / FEATURES_PART).names)


def learn(task: LearnTask) -> Learnt:
    """Read a piece's columns and summarise them."""
    xp: Any = importlib.import_module(task.array_module)
    piece = task.piece
    columns = read_values(xp, Path(piece.path), piece.row_group, task.program.kinds)
    return Learnt(piece, task.program.partials(xp, columns))
