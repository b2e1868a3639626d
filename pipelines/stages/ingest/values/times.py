"""Times of a source as naive UTC microseconds: units, offsets, time zones, and repeated hours.

Why: a time that overflows, or is read in another time zone than it was written in, is assigned to a
    wrong day or hour, and no rule can find it.
Promise: an instant of the years 1 to 9999 is kept, rounded down to microseconds; any other is an
    error, never another time. A time without an offset is in the source's time zone, by default the
    pipeline's; one that occurs twice there, or never, is an error unless the declaration resolves it.
Not here: reporting the value that cannot be cast (``cast.py``).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.core.zones import zone_table
from pipelines.operators.local_time import instants
from pipelines.spec import AnySource
from pipelines.stages.ingest.values.cast_errors import RowNames

HAS_OFFSET = r"\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"
BELOW_MICROSECONDS = r"(\.\d{6})\d+"
MICROSECONDS = pa.timestamp("us")
# The range of Python's own times, and so of all later readers.
FIRST_S, LAST_S = -62_135_596_800, 253_402_300_799
PER_SECOND = {"s": 1, "us": 1_000_000}
BEYOND = "a time outside of the years 1 to 9999"
MICROS = PER_SECOND["us"]


@dataclass(frozen=True, slots=True)
class Clock:
    """How a time without an offset is converted to UTC.

    Attributes:
        zone: Its time zone.
        repeated_hour: Which of two instants a repeated local time means: ``first``, ``second`` or
            ``refuse``.
    """

    zone: str = "UTC"
    repeated_hour: str = "refuse"

    @classmethod
    def of_source(cls, source: AnySource, pipeline_zone: str) -> "Clock":
        """The clock of a declared source."""
        return cls(source.time_zone or pipeline_zone, source.repeated_hour)

    def to_utc(self, naive: pa.ChunkedArray) -> pa.ChunkedArray:
        """Convert microseconds without an offset to UTC.

        Raises:
            pa.ArrowInvalid: One occurs twice or never in the zone.
        """
        table = zone_table(self.zone)
        if table.is_utc():
            return naive
        # Not by Arrow: after 2037 it knows no clock changes.
        local = pc.fill_null(naive.cast(pa.int64()), 0).to_numpy()
        found = instants(np, local // MICROS, table)
        strange = found.occurs != 1 if self.repeated_hour == "refuse" else found.occurs == 0
        if (strange & pc.is_valid(naive).to_numpy()).any():
            raise pa.ArrowInvalid(f"a time that occurs twice or never in {self.zone}")
        seconds = found.second_s if self.repeated_hour == "second" else found.first_s
        micros = pa.array(seconds * MICROS + local % MICROS).cast(MICROSECONDS)
        return pc.if_else(pc.is_valid(naive), pa.chunked_array([micros]), None)

    def why_not(self, naive: pa.ChunkedArray) -> str:
        """Why one time cannot be converted to UTC; empty if it can."""
        seconds = naive.cast(pa.int64()).to_numpy() // MICROS
        (occurs,) = instants(np, seconds, zone_table(self.zone)).occurs
        if occurs == 1 or (occurs == 2 and self.repeated_hour != "refuse"):  # noqa: PLR2004
            return ""
        why = "occurs twice" if occurs else "does not occur"
        return f"which {why} in {self.zone}, where clocks were changed"


@dataclass(slots=True)
class Offsets:
    """Rows of a column's first time without an offset from UTC, and its first with one.

    Attributes:
        naive: Name of the first row without an offset; None if there is none.
        zoned: Name of the first row with an offset; None if there is none.
    """

    naive: str | None = None
    zoned: str | None = None

    def record(self, values: pa.ChunkedArray, row_names: RowNames) -> None:
        """Record the first such rows of a block."""
        if None not in (self.naive, self.zoned) or values.null_count == len(values):
            return
        zoned = has_offset(values)
        for name, wanted in (("naive", False), ("zoned", True)):
            if getattr(self, name) is None and (row := pc.index(zoned, wanted).as_py()) >= 0:
                setattr(self, name, row_names(row))


def has_offset(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each time has an offset from UTC; null for a null."""
    if of.is_string(values.type):
        found = pc.match_substring_regex(values, HAS_OFFSET)
        return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), None, found)
    zoned = of.is_timestamp(values.type) and values.type.tz is not None
    return pc.if_else(pc.is_valid(values), zoned, None)


def first_beyond(instants: pa.ChunkedArray) -> int:
    """Index of the first timestamp outside of the years 1 to 9999; -1 if there is none."""
    per_s = PER_SECOND[instants.type.unit]
    numbers = instants.cast(pa.int64())
    early = pc.less(numbers, FIRST_S * per_s)
    late = pc.greater_equal(numbers, (LAST_S + 1) * per_s)
    return int(pc.index(pc.or_(early, late), value=True).as_py())


def typed_times(values: pa.ChunkedArray, clock: Clock) -> pa.ChunkedArray:
    """Convert timestamps and dates of any unit.

    Raises:
        pa.ArrowInvalid: One overflows microseconds, or is invalid in its time zone.
    """
    if of.is_date(values.type):
        return clock.to_utc(values.cast(MICROSECONDS))
    # Arrow stores the instant of a zoned timestamp in UTC, so this drops the zone's name only.
    instants = values.cast(pa.timestamp(values.type.unit))
    micros = _floored(instants) if values.type.unit == "ns" else instants.cast(MICROSECONDS)
    return micros if values.type.tz is not None else clock.to_utc(micros)


def parsed_times(text: pa.ChunkedArray, clock: Clock) -> pa.ChunkedArray:
    """Parse ISO 8601 texts.

    Raises:
        pa.ArrowInvalid: One is not a time, or is invalid in its time zone.
    """
    zoned = pc.fill_null(has_offset(text), fill_value=False)
    naive = clock.to_utc(_parsed(pc.if_else(zoned, None, text), MICROSECONDS))
    if not pc.any(zoned).as_py():
        return naive
    instants = _parsed(pc.if_else(zoned, text, None), pa.timestamp("us", "UTC"))
    return pc.coalesce(naive, instants.cast(MICROSECONDS))


def _parsed(text: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        # Arrow reads at most six digits after the second: the others are removed.
        return pc.replace_substring_regex(text, BELOW_MICROSECONDS, r"\1").cast(kind)


def _floored(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    """Round nanoseconds down to microseconds: Arrow's own cast rounds times before 1970 up."""
    exact = instants.cast(pa.int64())
    whole = pc.divide(exact, 1000)
    later = pc.less(exact, pc.multiply(whole, 1000))
    return pc.if_else(later, pc.subtract(whole, 1), whole).cast(MICROSECONDS)
