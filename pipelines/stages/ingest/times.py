"""Times of a source as naive UTC microseconds: units, offsets, zones, and the hour that comes twice.

Why: a time that wraps, or is read in another zone than it was written in, lands on another day
    or in the wrong hour, and no rule can find it.
Promise: an instant of the years 1 to 9999 is kept, cut down to the microsecond before it; any
    other is an error, never another time. A time without an offset is in the declared zone, UTC
    where none is declared; one that occurs twice there, or never, is an error unless the
    declaration says which is meant.
Not here: naming the value that does not fit (``cast.py``).
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.spec import Source
from pipelines.stages.ingest.cast_errors import Place

HAS_OFFSET = r"\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"
BELOW_MICROSECONDS = r"(\.\d{6})\d+"
MICROSECONDS = pa.timestamp("us")
# What Python's own times hold, and with them every reader behind this stage.
FIRST_S, LAST_S = -62_135_596_800, 253_402_300_799
PER_SECOND = {"s": 1, "us": 1_000_000}
BEYOND = "a time outside of the years 1 to 9999"
WHICH = {"refuse": "raise", "first": "earliest", "second": "latest"}


@dataclass(frozen=True, slots=True)
class Clock:
    """What a time without an offset means.

    Attributes:
        zone: The zone it is in; None where nothing was declared, which is read as UTC.
        repeated_hour: Which of two is meant where clocks went back: ``first``, ``second`` or
            ``refuse``.
    """

    zone: str | None = None
    repeated_hour: str = "refuse"

    @classmethod
    def of_source(cls, source: Source) -> "Clock":
        """What the declaration says."""
        return cls(source.time_zone, source.repeated_hour)

    def to_utc(self, naive: pa.ChunkedArray) -> pa.ChunkedArray:
        """Microseconds without an offset, brought to UTC.

        Raises:
            pa.ArrowInvalid: One occurs twice or never in the zone.
        """
        if self.zone in (None, "UTC"):
            return naive
        zoned = pc.assume_timezone(
            naive, self.zone, ambiguous=WHICH[self.repeated_hour], nonexistent="raise"
        )
        return zoned.cast(MICROSECONDS)

    def why_not(self, naive: pa.ChunkedArray) -> str:
        """Why one time cannot be brought to UTC; empty if it can."""
        for given, why in (
            ({"ambiguous": "raise", "nonexistent": "earliest"}, "comes twice"),
            ({"ambiguous": "earliest", "nonexistent": "raise"}, "does not come"),
        ):
            try:
                pc.assume_timezone(naive, self.zone or "UTC", **given)
            except pa.ArrowInvalid:
                return f"which {why} in {self.zone}, where clocks were changed"
        return ""


@dataclass(slots=True)
class Offsets:
    """Where a column's first time without an offset from UTC is, and its first with one.

    Attributes:
        naive: Place of the one; None if there is none.
        zoned: Place of the other; None if there is none.
    """

    naive: str | None = None
    zoned: str | None = None

    def look(self, values: pa.ChunkedArray, place: Place) -> None:
        """Note what a block of a source's column holds."""
        if None not in (self.naive, self.zoned) or values.null_count == len(values):
            return
        zoned = has_offset(values)
        for name, wanted in (("naive", False), ("zoned", True)):
            if getattr(self, name) is None and (row := pc.index(zoned, wanted).as_py()) >= 0:
                setattr(self, name, place(row))


def has_offset(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each time says its offset from UTC; null where there is none to look at."""
    if of.is_string(values.type):
        found = pc.match_substring_regex(values, HAS_OFFSET)
        return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), None, found)
    zoned = of.is_timestamp(values.type) and values.type.tz is not None
    return pc.if_else(pc.is_valid(values), zoned, None)


def first_beyond(instants: pa.ChunkedArray) -> int:
    """Place of the first timestamp outside of the years 1 to 9999; -1 if there is none."""
    per_s = PER_SECOND[instants.type.unit]
    numbers = instants.cast(pa.int64())
    early = pc.less(numbers, FIRST_S * per_s)
    late = pc.greater_equal(numbers, (LAST_S + 1) * per_s)
    return int(pc.index(pc.or_(early, late), value=True).as_py())


def typed_times(values: pa.ChunkedArray, clock: Clock) -> pa.ChunkedArray:
    """Timestamps and dates of any unit.

    Raises:
        pa.ArrowInvalid: One is beyond what microseconds hold, or is no time in its zone.
    """
    if of.is_date(values.type):
        return clock.to_utc(values.cast(MICROSECONDS))
    # Arrow keeps the instant of a zoned timestamp in UTC, so this drops the zone's name only.
    instants = values.cast(pa.timestamp(values.type.unit))
    micros = _floored(instants) if values.type.unit == "ns" else instants.cast(MICROSECONDS)
    return micros if values.type.tz is not None else clock.to_utc(micros)


def parsed_times(text: pa.ChunkedArray, clock: Clock) -> pa.ChunkedArray:
    """ISO 8601 texts.

    Raises:
        pa.ArrowInvalid: One is no time, or none in its zone.
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
        # Arrow reads six digits after the second and no more: the others are cut off.
        return pc.replace_substring_regex(text, BELOW_MICROSECONDS, r"\1").cast(kind)


def _floored(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    """Nanoseconds as the microsecond before: Arrow's own cast moves times before 1970 forward."""
    exact = instants.cast(pa.int64())
    whole = pc.divide(exact, 1000)
    later = pc.less(exact, pc.multiply(whole, 1000))
    return pc.if_else(later, pc.subtract(whole, 1), whole).cast(MICROSECONDS)
