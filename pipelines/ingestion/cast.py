"""Casting a source column to its declared type, or saying which value does not fit.

Why: a lossy cast is a wrong number that no rule can find later.
Promise: zero, 0.0, False, empty text, null and NaN stay apart wherever the declared type can
    hold the difference; a value that would change is refused with its place.
Not here: whether a value makes sense (``pipelines/validation/``).
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.errors import SchemaError
from pipelines.spec import Column
from pipelines.tables.schema import canonical_type

Place = Callable[[int], str]

ACCEPTED = {
    "integer": "integers, or numbers without a fraction",
    "number": "numbers",
    "timestamp": "timestamps or dates (text only in CSV, as 2026-01-31 23:59:59)",
    "text": "text",
    "flag": "0 and 1, or true and false",
}
HAS_ZONE = r"\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"


class NotThisTypeError(Exception):
    """The source's type is none that the declared one may be made from."""


def from_typed(
    values: pa.ChunkedArray, column: Column, file: str, place: Place
) -> pa.ChunkedArray:
    """Cast a column that has a type of its own, as Parquet gives it.

    Raises:
        SchemaError: The type is another kind of thing, or a value does not fit.
    """
    found = values.type
    if of.is_dictionary(found):
        values = values.cast(found.value_type)
    try:
        if of.is_null(values.type):
            return values.cast(canonical_type(column))
        prepared = TYPED[column.type](values)
    except NotThisTypeError:
        raise SchemaError(
            f"Source file {file}: column {column.name!r} is {found}{_example(values)} where "
            f"{column.type} is declared. Expected {ACCEPTED[column.type]}. Deliver it so, or "
            f"correct the declaration."
        ) from None
    cast = _cast(prepared, values, column, file, place)
    narrow = of.is_float32(values.type) or of.is_float16(values.type)
    return _as_written(cast, column.decimals) if narrow and column.type == "number" else cast


def from_text(
    values: pa.ChunkedArray, column: Column, file: str, place: Place
) -> pa.ChunkedArray:
    """Cast a column of text, as CSV gives it.

    Raises:
        SchemaError: A value is not of the declared type.
    """
    if column.type == "text":
        return values
    trimmed = pc.utf8_trim_whitespace(values)
    # A number or a time has no empty text: quoted or not, an empty field is null.
    known = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    return _cast(PARSED[column.type](known), values, column, file, place)


def _cast(
    prepared: pa.ChunkedArray,
    source: pa.ChunkedArray,
    column: Column,
    file: str,
    place: Place,
) -> pa.ChunkedArray:
    try:
        return _to(prepared, column)
    except pa.ArrowInvalid as error:
        row = _first_failing(prepared, column)
        raise SchemaError(
            f"Source file {file}: column {column.name!r} holds {source[row].as_py()!r} in "
            f"{place(row)}, which is no {column.type}. Expected {ACCEPTED[column.type]} that fit "
            f"{canonical_type(column)} without loss. Correct the source, or the declaration."
        ) from error


def _to(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    if column.type != "timestamp" or not of.is_string(values.type):
        return values.cast(canonical_type(column))
    return _times(values)


def _first_failing(values: pa.ChunkedArray, column: Column) -> int:
    """Place of the first value that cannot be cast, found by halving."""
    start, length = 0, len(values)
    while length > 1:
        half = length // 2
        try:
            _to(values.slice(start, half), column)
        except pa.ArrowInvalid:
            length = half
        else:
            start, length = start + half, length - half
    return start


def _integer(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if of.is_floating(values.type):
        # int64 has no NaN: pandas and R write it where an integer is missing.
        return pc.if_else(pc.is_nan(values), None, values)
    if of.is_integer(values.type) or of.is_decimal(values.type):
        return values
    raise NotThisTypeError


def _number(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if of.is_decimal(values.type):
        # Arrow's own cast multiplies by 10**-scale and misses the nearest float on one value
        # in eight (0.29 and 57.16 among them); text is parsed to the nearest.
        return values.cast(pa.string())
    if of.is_floating(values.type) or of.is_integer(values.type):
        return values
    raise NotThisTypeError


def _timestamp(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if of.is_date(values.type):
        return values
    if not of.is_timestamp(values.type):
        raise NotThisTypeError
    if values.type.unit == "ns":
        # Canonical microseconds: what is below one is cut off, not an error.
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False)
    # Arrow keeps the instant of a zoned timestamp in UTC, so this drops the zone's name only.
    return values.cast(pa.timestamp(values.type.unit))


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    is_text = (
        of.is_string,
        of.is_large_string,
        of.is_string_view,
        of.is_binary,
        of.is_large_binary,
    )
    if any(check(values.type) for check in is_text):
        return values
    raise NotThisTypeError


def _flag(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values if of.is_boolean(values.type) else _integer(values)


def _integer_text(text: pa.ChunkedArray) -> pa.ChunkedArray:
    # "12.0" is how pandas writes an integer column that has a null.
    return pc.replace_substring_regex(text, r"^(\+?)(-?\d+)\.0*$", r"\2")


def _flag_text(text: pa.ChunkedArray) -> pa.ChunkedArray:
    lower = pc.utf8_lower(_integer_text(text))
    worded = pc.if_else(pc.equal(lower, "true"), "1", lower)
    return pc.if_else(pc.equal(worded, "false"), "0", worded)


def _times(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Parse ISO 8601 times; those with an offset are brought to UTC, the others are in UTC."""
    zoned = pc.fill_null(pc.match_substring_regex(text, HAS_ZONE), fill_value=False)
    naive = _parsed(pc.if_else(zoned, None, text), None)
    if not pc.any(zoned).as_py():
        return naive
    return pc.coalesce(naive, _parsed(pc.if_else(zoned, text, None), "UTC").cast(naive.type))


def _parsed(text: pa.ChunkedArray, zone: str | None) -> pa.ChunkedArray:
    try:
        return text.cast(pa.timestamp("us", zone))
    except pa.ArrowInvalid:
        # More than six digits after the second: read as nanoseconds, then cut off.
        return text.cast(pa.timestamp("ns", zone)).cast(pa.timestamp("us", zone), safe=False)


def _as_written(values: pa.ChunkedArray, decimals: int | None) -> pa.ChunkedArray:
    """The decimal that a narrow float stood for: float32 57.16 widens to 57.15999984741211."""
    if decimals is None:
        return values
    wide = values.to_numpy()
    rounded = np.round(wide, decimals)
    same = rounded.astype(np.float32) == wide.astype(np.float32)
    restored = pa.array(np.where(same, rounded, wide))
    return pc.if_else(pc.is_valid(values), pa.chunked_array([restored]), None)


def _example(values: pa.ChunkedArray) -> str:
    known = values.drop_null()
    return f" (such as {repr(known[0].as_py())[:80]})" if len(known) else ""


TYPED = {
    "integer": _integer,
    "number": _number,
    "timestamp": _timestamp,
    "text": _text,
    "flag": _flag,
}
PARSED = {
    "integer": _integer_text,
    "number": lambda text: text,
    "timestamp": lambda text: text,
    "flag": _flag_text,
}
