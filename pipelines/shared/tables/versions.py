"""Versions of rows: from when to when each is what is known of its row id.

Why: a correction does not undo that something else was known before.
Promise: of the versions of a row id in a day one at most is visible at the end of any day: the
    newest by known time, and by place in the source between equals. A row without a known time,
    or with one before its event, was known on the day of its event.
Not here: what follows for names and digests (``known.py``).
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.core.days import parse_day, shift
from pipelines.core.store import digest_of
from pipelines.operators.hashing import hash_words
from pipelines.shared.tables import ROW
from pipelines.shared.tables.known import known_name
from pipelines.spec import Table

EPOCH = "1970-01-01"
DAY_US = 86_400_000_000
FOREVER = int(np.iinfo(np.int32).max)


@dataclass(frozen=True, slots=True)
class Versions:
    """When each row of a day's table is what is known, shape ``(n_rows,)``, days since 1970.

    Attributes:
        known: First day at whose end it is; int32.
        until: First day at whose end it no longer is; int32, ``FOREVER`` for the newest.
    """

    known: NDArray[np.int32]
    until: NDArray[np.int32]

    def days(self) -> list[int]:
        """Days on which some row became known."""
        return [int(day) for day in np.unique(self.known[self.until > self.known])]

    def visible(self, day: int) -> NDArray[np.bool_]:
        """Rows that are known at the end of a day, each by its newest version."""
        return (self.known <= day) & (self.until > day)

    def parts(self, day: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Which rows are in each table of a day's features, by the day they were known by.

        There is one of the day itself, and one of each later day that added some.
        """
        own = (parse_day(day) - parse_day(EPOCH)).days
        for known in sorted({own, *self.days()}):
            yield name_of(known), self.visible(known)


def versions_of(rows: pa.Table, table: Table) -> Versions | None:
    """Tell the versions of a day's rows apart by ``Table.known_time``; None without one."""
    if table.known_time is None:
        return None
    event = rows[table.event_time].cast(pa.int64()).to_numpy() // DAY_US
    known_us = pc.fill_null(rows[table.known_time].cast(pa.int64()), np.iinfo(np.int64).min)
    known_us = known_us.to_numpy()
    known = np.maximum(known_us // DAY_US, event).astype(np.int32)
    until = np.full(len(known), FOREVER, np.int32)
    # A null id names no row, so it is no version of another.
    names = rows[table.row_id].combine_chunks().dictionary_encode().indices
    name = pc.fill_null(names.cast(pa.int64()), -1).to_numpy()
    order = np.lexsort((np.arange(len(name)), known_us, name))
    older = np.flatnonzero((name[order][1:] == name[order][:-1]) & (name[order][1:] >= 0))
    until[order[older]] = known[order[older + 1]]
    return Versions(known, until)


def version_columns(table: Table) -> list[str]:
    """Columns that tell versions apart."""
    known = [table.known_time] if table.known_time else []
    return list(dict.fromkeys([table.row_id, table.event_time, *known]))


def write_known(pieces: Iterable[pa.Table], versions: Versions, folder: Path) -> None:
    """Write the digest of the day's rows as known by each day on which some became known.

    Args:
        pieces: The day's good rows in order, cut anywhere.
        versions: When each of them was known.
        folder: The validated day's.
    """
    digests: dict[int, dict[str, Any]] = {day: {} for day in versions.days()}
    start = 0
    for piece in pieces:
        for day, columns in digests.items():
            mask = versions.visible(day)[start : start + piece.num_rows]
            _add(columns, piece.drop_columns([ROW]).filter(pa.array(mask)))
        start += piece.num_rows
    (folder / known_name(EPOCH)).parent.mkdir()
    for day, columns in digests.items():
        whole = digest_of({name: digest.hexdigest() for name, digest in columns.items()})
        (folder / known_name(name_of(day))).write_text(whole + "\n")


def _add(columns: dict[str, Any], rows: pa.Table) -> None:
    """Go on with the digest of each column: which values are there, and their bits."""
    for name in rows.column_names:
        values = rows[name].combine_chunks()
        known = values.drop_null()
        is_text = pa.types.is_string(known.type)
        numbers = hash_words(known) if is_text else known.to_numpy(zero_copy_only=False)
        is_there = values.is_valid().to_numpy(zero_copy_only=False)
        # Apart, so that it does not matter where the day is cut.
        for part, array in ((f"{name} known", is_there), (name, numbers)):
            columns.setdefault(part, hashlib.sha256()).update(array.tobytes())


def name_of(day: int) -> str:
    """A day since 1970 as ``YYYY-MM-DD``."""
    return shift(EPOCH, day)
