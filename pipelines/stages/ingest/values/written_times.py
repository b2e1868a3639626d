"""Times in a declared format: directives of ``strptime``, or numbers since 1970.

Why: ``03.04.2026`` is a day of March or of April, which the declaration decides.
Promise: the same instants as Python's ``datetime.strptime``; what is below a microsecond is cut off; a text
    in another format is an error with its row.
Not here: ISO 8601 and the columns that are times in the source (``times.py``), the formats themselves
    (``pipelines/spec/time_formats.py``).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.spec.time_formats import EPOCHS, has_offset
from pipelines.stages.ingest.values.cast_errors import CastError, first_failing
from pipelines.stages.ingest.values.epochs import of_micros, times_of_numbers, times_of_texts
from pipelines.stages.ingest.values.time_fields import HOUR_S, MINUTE_S, Fields, Ints, fields_of
from pipelines.stages.ingest.values.times import BEYOND, Clock, first_beyond

SECOND_US, DAY_US = 1_000_000, 86_400_000_000
CENTURY_FROM, HALF_DAY_H, MONTHS, FIRST_YEAR = 69, 12, 12, 1970
DECLARE_HOUR = (
    "an hour that occurs once. Have the source write times with their offset (%z), or declare "
    "source.repeated_hour as 'first' or 'second' if it occurs twice."
)


def written_times(
    values: pa.ChunkedArray, time_format: str, clock: Clock
) -> pa.ChunkedArray | None:
    """Times as naive UTC microseconds; None for values that cannot be of the format by their type.

    Raises:
        CastError: One is not in the format, or not a time in its time zone.
    """
    is_text = is_text_type(values.type)
    if is_text:
        trimmed = pc.utf8_trim_whitespace(values.cast(pa.string()))
        values = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    elif time_format not in EPOCHS or not _is_number(values.type):
        return None
    values = values.combine_chunks()
    if of.is_floating(values.type):
        # Arrow cannot look for NaN among float16.
        values = values.cast(pa.float32()) if of.is_float16(values.type) else values
        values = pc.if_else(pc.is_nan(values), None, values)
    known = pc.is_valid(values)
    try:
        micros = _micros(values.drop_null(), time_format, is_text=is_text)
    except CastError as failure:
        row = int(np.flatnonzero(known.to_numpy(zero_copy_only=False))[failure.row])
        raise CastError(row, failure.why, failure.expected) from failure
    return _to_utc(of_micros(known, micros), time_format, clock)


def is_text_type(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of texts."""
    return any(check(kind) for check in (of.is_string, of.is_large_string, of.is_string_view))


def _is_number(kind: pa.DataType) -> bool:
    return any(check(kind) for check in (of.is_integer, of.is_floating, of.is_decimal))


def _micros(known: pa.Array, time_format: str, *, is_text: bool) -> Ints:
    """Microseconds since 1970 of values without nulls: local times, or instants."""
    if time_format in EPOCHS:
        return (times_of_texts if is_text else times_of_numbers)(known, time_format)
    fields, other = fields_of(known, time_format)
    if other >= 0:
        raise CastError(
            other,
            f"which is not written as {time_format!r}",
            "a time in the column's time_format. Correct it, or the source.",
        )
    offset_s = fields.get("z", np.zeros(1, np.int64))
    micros: Ints = _days(fields) * DAY_US + _time_of_day(fields) - offset_s * SECOND_US
    return micros


def _days(fields: Fields) -> Ints:
    """Days since 1970, shape ``(n_rows,)``."""
    years = fields.get("Y")
    if years is None:
        years = fields["y"] + np.where(fields["y"] < CENTURY_FROM, 2000, 1900)
    is_year = "j" in fields
    month = next((fields[name] for name in "mBb" if name in fields), np.ones(1, np.int64))
    months = (years - FIRST_YEAR) * MONTHS + month - 1
    first, after = _first_day(months), _first_day(months + (MONTHS if is_year else 1))
    day = fields["j" if is_year else "d"]
    wrong = (day > after - first) | (years < 1)
    if wrong.any():
        raise CastError(
            int(wrong.argmax()),
            "which is not a day of the calendar",
            "a day of the years 1 to 9999. Correct the source, or the order of day and month in "
            "the column's time_format.",
        )
    return first + day - 1


def _first_day(months: Ints) -> Ints:
    days: Ints = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return days


def _time_of_day(fields: Fields) -> Ints:
    """Microseconds since midnight."""
    none = np.zeros(1, np.int64)
    hours = fields.get("H", none)
    if "I" in fields:
        hours = fields["I"] % HALF_DAY_H + HALF_DAY_H * fields["p"]
    seconds = fields.get("S", none)
    if (seconds >= MINUTE_S).any():
        raise CastError(
            int((seconds >= MINUTE_S).argmax()),
            "whose seconds are not 0 to 59",
            "a time without leap seconds. Correct the source.",
        )
    of_day = hours * HOUR_S + fields.get("M", none) * MINUTE_S + seconds
    micros: Ints = of_day * SECOND_US + fields.get("f", none)
    return micros


def _to_utc(found: pa.ChunkedArray, time_format: str, clock: Clock) -> pa.ChunkedArray:
    instants = found
    if not has_offset(time_format):
        try:
            instants = clock.to_utc(found)
        except pa.ArrowInvalid as error:
            row = first_failing(found, clock.to_utc)
            raise CastError(row, clock.why_not(found.slice(row, 1)), DECLARE_HOUR) from error
    if (row := first_beyond(instants)) >= 0:
        raise CastError(row, f"in UTC {BEYOND}", "a time within them. Correct the source.")
    return instants
