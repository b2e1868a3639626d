"""Versions of rows: the days from which and until which each is the known one of its row id.

Why: a correction does not change what was known before it.
Promise: at the end of any day at most one version of a row id in a day is visible: the newest by
    known time, and by position in the source between equals. A row without a known time, or with
    one before its event, was known on the day of its event.
Not here: file names and digests (``known_days.py``).
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
from pipelines.core.zones import zone_table
from pipelines.operators.hashing import hash_words
from pipelines.operators.local_time import local_seconds
from pipelines.shared.tables import ROW
from pipelines.shared.tables.known_days import known_name
from pipelines.spec import Table

EPOCH = "1970-01-01"
DAY_US, DAY_S, SECOND_US = 86_400_000_000, 86_400, 1_000_000
UNKNOWN_US = int(np.iinfo(np.int64).min)
FOREVER = int(np.iinfo(np.int32).max)


@dataclass(frozen=True, slots=True)
class Versions:
    """The days between which each row of a day's table is known, shape ``(n_rows,)``, days since 1970.

    Attributes:
        known: First day at whose end it is known; int32.
        until: First day at whose end it no longer is; int32, ``FOREVER`` for the newest.
    """

    known: NDArray[np.int32]
    until: NDArray[np.int32]

    def days(self) -> list[int]:
        """Days on which at least one row became known."""
        return [int(day) for day in np.unique(self.known[self.until > self.known])]

    def visible(self, day: int) -> NDArray[np.bool_]:
        """Mask of the rows that are known at the end of a day, each in its newest version."""
        return (self.known <= day) & (self.until > day)

    def parts(self, last_day: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Mask of the rows in each table of a partition's features, by the day they were known by.

        There is one table for the partition itself, and one for each later day that added rows.

        Args:
            last_day: The day in which the partition ends.
        """
        own = day_number(last_day)
        for known in sorted({own, *(day for day in self.days() if day > own)}):
            yield name_of(known), self.visible(known)


def versions_of(rows: pa.Table, table: Table, zone: str = "UTC") -> Versions | None:
    """The versions of a partition's rows by ``Table.known_time``; None without one.

    Args:
        rows: The columns of ``version_columns``.
        table: Its declaration.
        zone: Time zone of the days.
    """
    if table.known_time is None:
        return None
    event = local_days(rows[table.time_column].cast(pa.int64()).to_numpy(), zone)
    known_us = pc.fill_null(rows[table.known_time].cast(pa.int64()), UNKNOWN_US).to_numpy()
    known = np.maximum(local_days(known_us, zone), event).astype(np.int32)
    until = np.full(len(known), FOREVER, np.int32)
    # A null id identifies no row, so it is not a version of another.
    names = rows[table.id_column].combine_chunks().dictionary_encode().indices
    name = pc.fill_null(names.cast(pa.int64()), -1).to_numpy()
    order = np.lexsort((np.arange(len(name)), known_us, name))
    older = np.flatnonzero((name[order][1:] == name[order][:-1]) & (name[order][1:] >= 0))
    until[order[older]] = known[order[older + 1]]
    return Versions(known, until)


def local_days(time_us: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """The day of each time, counted from 1970."""
    table = zone_table(zone)
    if table.is_utc():
        return time_us // DAY_US
    seconds = (time_us // SECOND_US).astype(np.float64)
    return (local_seconds(np, seconds, table) // DAY_S).astype(np.int64)


def version_columns(table: Table) -> list[str]:
    """Columns that distinguish versions."""
    known = [table.known_time] if table.known_time else []
    return list(dict.fromkeys([table.id_column, table.time_column, *known]))


def write_known(chunks: Iterable[pa.Table], versions: Versions, folder: Path) -> None:
    """Write the digest of the day's rows as known by each day on which some became known.

    Args:
        chunks: The day's good rows in order, in chunks of any size.
        versions: The days on which each of them was known.
        folder: The validated day's folder.
    """
    digests: dict[int, dict[str, Any]] = {day: {} for day in versions.days()}
    start = 0
    for chunk in chunks:
        for day, columns in digests.items():
            mask = versions.visible(day)[start : start + chunk.num_rows]
            _add(columns, chunk.drop_columns([ROW]).filter(pa.array(mask)))
        start += chunk.num_rows
    (folder / known_name(EPOCH)).parent.mkdir()
    for day, columns in digests.items():
        whole = digest_of({name: digest.hexdigest() for name, digest in columns.items()})
        (folder / known_name(name_of(day))).write_text(whole + "\n")


def _add(columns: dict[str, Any], rows: pa.Table) -> None:
    """Update the digest of each column with the validity and the bits of its values."""
    for name in rows.column_names:
        values = rows[name].combine_chunks()
        known = values.drop_null()
        is_text = pa.types.is_string(known.type)
        numbers = hash_words(known) if is_text else known.to_numpy(zero_copy_only=False)
        is_there = values.is_valid().to_numpy(zero_copy_only=False)
        # In separate digests, so that the chunks' sizes do not matter.
        for part, array in ((f"{name} known", is_there), (name, numbers)):
            columns.setdefault(part, hashlib.sha256()).update(array.tobytes())


def day_number(day: str) -> int:
    """A day ``YYYY-MM-DD`` as days since 1970."""
    return (parse_day(day) - parse_day(EPOCH)).days


def name_of(day: int) -> str:
    """A day since 1970 as ``YYYY-MM-DD``."""
    return shift(EPOCH, day)
