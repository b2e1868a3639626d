"""Times written as numbers since 1970: seconds, milliseconds or microseconds.

Why: a float64 of microseconds, or a unit that is off by a thousand, gives a time that looks like one.
Promise: whole units are exact; fractions of texts are cut off below a microsecond, those of floats are
    rounded to it; a time outside of the years 1 to 9999 is an error.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.spec.time_formats import EPOCHS
from pipelines.stages.ingest.values.cast_errors import CastError, first_true
from pipelines.stages.ingest.values.time_fields import MICRO_DIGITS, Ints, fraction_digits
from pipelines.stages.ingest.values.times import BEYOND, FIRST_S, LAST_S, MICROSECONDS
from pipelines.stages.ingest.values.whole_numbers import from_floats

WRITTEN = r"^(?P<sign>[+-]?)(?P<whole>[0-9]{1,18})(?:\.(?P<fraction>[0-9]*))?$"
# A float, as decimals and integers of 64 bits may be larger than int64.
LARGEST = 9.2e18


def times_of_texts(text: pa.Array, unit: str) -> Ints:
    """Microseconds since 1970 of texts without nulls.

    Raises:
        CastError: One is not such a number, or outside of the years 1 to 9999.
    """
    fields = pc.extract_regex(text, WRITTEN)
    if (row := first_true(pc.is_null(fields))) >= 0:
        raise CastError(
            row,
            f"which is not written as {unit!r}",
            "a number since 1970 with all of its digits (an exponent has lost some). Correct the "
            "source, or the column's time_format.",
        )
    sign, whole, fraction = (fields.field(n) for n in range(3))
    fraction, digits = pc.fill_null(fraction, ""), EPOCHS[unit]
    micros = fraction_digits(fraction, digits) if digits else np.zeros(len(text), np.int64)
    below = pc.match_substring_regex(pc.utf8_slice_codeunits(fraction, digits), "[1-9]")
    negative = pc.equal(sign, "-").to_numpy(zero_copy_only=False)
    # Times are rounded down, before 1970 too.
    down = micros + below.to_numpy(zero_copy_only=False)
    units = whole.cast(pa.int64()).to_numpy()
    return _micros(np.where(negative, -units, units), np.where(negative, -down, micros), unit)


def times_of_numbers(values: pa.Array, unit: str) -> Ints:
    """Microseconds since 1970 of integers, decimals or floats without nulls.

    Raises:
        CastError: One may have lost digits in a float, or is outside of the years 1 to 9999.
    """
    if of.is_integer(values.type):
        large = pc.greater(values.cast(pa.float64(), safe=False), LARGEST)
        if (row := first_true(large)) >= 0:
            raise _beyond(row, unit)
        return _micros(
            values.cast(pa.int64()).to_numpy(), np.zeros(len(values), np.int64), unit
        )
    if of.is_decimal(values.type):
        return _of_decimals(values, unit)
    floats = from_floats(pa.chunked_array([values])).cast(pa.float64()).to_numpy()
    if np.isinf(floats).any():
        raise _beyond(int(np.isinf(floats).argmax()), unit)
    whole = np.floor(floats)
    # A float64 of seconds is exact to a quarter of a microsecond, until 2255.
    micros = np.rint((floats - whole) * 10 ** EPOCHS[unit]).astype(np.int64)
    return _micros(whole.astype(np.int64), micros, unit)


def _of_decimals(values: pa.Array, unit: str) -> Ints:
    large = pc.greater(pc.abs(values.cast(pa.float64())), LARGEST)
    if (row := first_true(large)) >= 0:
        raise _beyond(row, unit)
    digits, kind = EPOCHS[unit], values.type
    wide = values.cast(pa.decimal256(kind.precision + 1, kind.scale))
    whole = pc.floor(wide)
    rounded = pc.round(pc.subtract(wide, whole), digits, round_mode="down").cast(pa.float64())
    micros = np.rint(rounded.to_numpy() * 10**digits).astype(np.int64)
    return _micros(whole.cast(pa.int64()).to_numpy(), micros, unit)


def _micros(units: Ints, micros: Ints, unit: str) -> Ints:
    per_second = 10 ** (MICRO_DIGITS - EPOCHS[unit])
    beyond = (units < FIRST_S * per_second) | (units >= (LAST_S + 1) * per_second)
    if beyond.any():
        raise _beyond(int(beyond.argmax()), unit)
    found: Ints = units * 10 ** EPOCHS[unit] + micros
    return found


def _beyond(row: int, unit: str) -> CastError:
    return CastError(
        row,
        f"{BEYOND}, as {unit!r}",
        "a time within them. Correct the source, or the unit in the column's time_format.",
    )


def of_micros(known: pa.Array, micros: Ints) -> pa.ChunkedArray:
    """Times of the rows that are known, nulls elsewhere."""
    every = np.zeros(len(known), np.int64)
    mask = known.to_numpy(zero_copy_only=False)
    every[mask] = micros
    return pa.chunked_array([pa.array(every, mask=~mask).cast(MICROSECONDS)])
