"""Instants from numbers of days, hours, minutes or seconds since an origin.

Why: an event time of "day 37" belongs to no partition before its origin is added.
Promise: whole days are added on the local calendar, so that they begin at the origin's time of day also
    where clocks change between; hours and shorter are elapsed time. A fraction is rounded to the
    nearest microsecond. Without a number or an origin the time is null. Any block of rows may be given.
Not here: what an origin may be (``pipelines/spec/origins.py``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.core.zones import ZoneTable, zone_table
from pipelines.operators.local_time import instants, local_seconds
from pipelines.spec import Column
from pipelines.spec.origins import DAYS, Origin, is_relative
from pipelines.spec.time_formats import RELATIVE
from pipelines.stages.ingest.values.cast_errors import CastError, RowNames
from pipelines.stages.ingest.values.composites import joined
from pipelines.stages.ingest.values.times import BEYOND, FIRST_S, LAST_S, MICROSECONDS

SECOND_US, EPOCH_ORDINAL, DAY_S = (
    1_000_000,
    datetime(1970, 1, 1, tzinfo=UTC).toordinal(),
    86_400,
)
MOST_US = 1 << 62
Micros = NDArray[np.int64]


def as_read(column: Column) -> Column:
    """The column as its source has it: a relative time is a number."""
    if not is_relative(column):
        return column
    return replace(column, type="number", time_format="", origin="", decimals=None)


@dataclass(frozen=True, slots=True)
class OriginRows:
    """Rows of a static table.

    Attributes:
        rows: The columns that identify a row, and those that are origins.
    """

    rows: pa.Table

    def found(self, rows: pa.Table, origin: Origin) -> pa.ChunkedArray:
        """The origin of each row of another table; null where its entity is not here."""
        own, theirs = (_key(each, origin.keys) for each in (rows, self.rows))
        at = pc.index_in(own, value_set=theirs.combine_chunks(), skip_nulls=True)
        return self.rows[origin.column].take(at)


@dataclass(frozen=True, slots=True)
class RelativeTimes:
    """The relative times of a table.

    Attributes:
        origins: The origin of each relative column.
        zone: Time zone of origins that are days, and of days that are added.
        static: The rows of each static table that has an origin.
        sensitive: Columns whose values no message shows.
    """

    origins: Mapping[str, Origin]
    zone: str
    static: Mapping[str, OriginRows]
    sensitive: Collection[str] = ()

    def added(self, rows: pa.Table, file: str, names: RowNames) -> pa.Table:
        """The rows with instants in place of numbers.

        Args:
            rows: Rows in the declared types, relative times as numbers.
            file: Name of their file in messages.
            names: Names of the rows in messages.

        Raises:
            SchemaError: A time is outside of the years 1 to 9999.
        """
        left = {n: o for n, o in self.origins.items() if n in rows.column_names}
        while left:
            # A column after those that it counts from.
            name = next(n for n, o in left.items() if o.table or o.column not in left)
            origin = left.pop(name)
            numbers, at = rows[name], rows.column_names.index(name)
            try:
                found = self._instants(numbers, self._origin(rows, origin), origin.unit)
            except CastError as failure:
                raise failure.schema_error(
                    numbers, self._shown_as(name), file, names
                ) from failure
            rows = rows.set_column(at, name, found)
        return rows

    def _shown_as(self, name: str) -> Column:
        return Column(name, "number", sensitive=name in self.sensitive)

    def _origin(self, rows: pa.Table, origin: Origin) -> pa.ChunkedArray:
        """The origin of each row, null where it has none."""
        if origin.day is not None:
            local = np.array([(origin.day.toordinal() - EPOCH_ORDINAL) * DAY_S])
            start = int(_utc_seconds(local, zone_table(self.zone))[0]) * SECOND_US
            return pa.chunked_array([pa.repeat(pa.scalar(start, MICROSECONDS), len(rows))])
        if origin.table:
            return self.static[origin.table].found(rows, origin)
        return rows[origin.column]

    def _instants(
        self, numbers: pa.ChunkedArray, origin: pa.ChunkedArray, unit: str
    ) -> pa.ChunkedArray:
        known = pc.and_(pc.is_valid(numbers), pc.is_valid(origin))
        # NaN is what pandas and R write for a missing number.
        known = pc.and_(known, pc.invert(pc.fill_null(pc.is_nan(numbers), fill_value=True)))
        is_known = known.to_numpy()
        amounts = np.where(is_known, pc.fill_null(numbers, 0.0).to_numpy(), 0.0)
        start = pc.fill_null(origin.cast(pa.int64()), 0).to_numpy()
        found = self._sum(start, amounts, unit)
        return pc.if_else(known, pa.chunked_array([pa.array(found).cast(MICROSECONDS)]), None)

    def _sum(self, start: Micros, amounts: NDArray[np.float64], unit: str) -> Micros:
        most = MOST_US / RELATIVE[unit]
        _refuse(~(np.abs(amounts) < most))
        whole = np.floor(amounts)
        more = whole.astype(np.int64) * RELATIVE[unit]
        more += np.rint((amounts - whole) * RELATIVE[unit]).astype(np.int64)
        zone = zone_table(self.zone)
        found = (
            start + more if unit != DAYS or zone.is_utc() else _on_calendar(start, more, zone)
        )
        seconds = found // SECOND_US
        _refuse((seconds < FIRST_S) | (seconds > LAST_S))
        return found


def _on_calendar(start: Micros, more: Micros, zone: ZoneTable) -> Micros:
    """Add to local time: the same time of day on another day, whatever the clocks did between."""
    seconds = local_seconds(np, (start // SECOND_US).astype(np.float64), zone).astype(np.int64)
    local = seconds * SECOND_US + start % SECOND_US + more
    return _utc_seconds(local // SECOND_US, zone) * SECOND_US + local % SECOND_US


def _utc_seconds(local_s: Micros, zone: ZoneTable) -> Micros:
    """The instants of local times: the first of two, and later by the gap where clocks went over it."""
    found = instants(np, local_s, zone)
    return np.asarray(np.where(found.occurs == 0, found.second_s, found.first_s))


def _refuse(beyond: NDArray[np.bool_]) -> None:
    if beyond.any():
        expected = "a number that, added to its origin, is within them. Correct the source."
        raise CastError(int(np.argmax(beyond)), f"which gives {BEYOND}", expected)


def _key(rows: pa.Table, keys: Sequence[str]) -> pa.ChunkedArray:
    """One column that identifies a row: a column itself, or several as one text."""
    return rows[keys[0]] if len(keys) == 1 else joined([rows[key] for key in keys])
