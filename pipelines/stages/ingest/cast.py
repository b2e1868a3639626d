"""Cast a source column to its declared type, or report the value that cannot be cast.

Why: a lossy cast gives a wrong number that no rule can find later.
Promise: zero, 0.0, False, empty text, null and NaN stay distinct wherever the declared type can
    represent the difference; a value that would change is refused with its row.
Not here: the casts of times and integers (``times.py``, ``whole_numbers.py``), whether a value is
    valid (``pipelines/shared/expectations/``).
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.core.errors import SchemaError
from pipelines.shared.tables.schema import canonical_type
from pipelines.spec import Column
from pipelines.stages.ingest.cast_errors import CastError, RowNames, shown
from pipelines.stages.ingest.times import BEYOND, Clock, first_beyond, parsed_times, typed_times
from pipelines.stages.ingest.whole_numbers import from_floats, from_texts

Convert = Callable[[pa.ChunkedArray], pa.ChunkedArray]

ACCEPTED = {
    "integer": "integers, or numbers without a fraction",
    "number": "numbers",
    "timestamp": "timestamps or dates (text only in CSV, as 2026-01-31 23:59:59)",
    "text": "text",
    "flag": "0 and 1, or true and false",
}
UTC = Clock()
DECLARE_HOUR = (
    "Have the source write times with their offset, or declare source.repeated_hour as 'first' or "
    "'second' if it occurs twice."
)


class TypeMismatchError(Exception):
    """A column of the source's type cannot be cast to the declared type."""


def from_typed(
    values: pa.ChunkedArray, column: Column, file: str, row_names: RowNames, clock: Clock = UTC
) -> pa.ChunkedArray:
    """Cast a typed column, as read from Parquet.

    Raises:
        SchemaError: The types do not match, or a value cannot be cast without loss.
    """
    found = values.type
    if of.is_dictionary(found):
        values = values.cast(found.value_type)
    if of.is_null(values.type):
        return values.cast(canonical_type(column))
    try:
        cast = _cast(TYPED[column.type](values), column, clock)
    except TypeMismatchError:
        raise SchemaError(
            f"Source file {file}: column {column.name!r} is {found}{_example(values)} where "
            f"{column.type} is declared. Expected {ACCEPTED[column.type]}. Correct the source, or "
            f"the declaration."
        ) from None
    except CastError as failure:
        raise failure.schema_error(values, column.name, file, row_names) from failure
    narrow = of.is_float32(values.type) or of.is_float16(values.type)
    return _as_written(cast, column.decimals) if narrow and column.type == "number" else cast


def from_text(
    values: pa.ChunkedArray, column: Column, file: str, row_names: RowNames, clock: Clock = UTC
) -> pa.ChunkedArray:
    """Cast a text column, as read from CSV.

    Raises:
        SchemaError: A value is not of the declared type.
    """
    if column.type == "text":
        return values
    trimmed = pc.utf8_trim_whitespace(values)
    # For a number or a time an empty field is null, quoted or not.
    known = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    try:
        return _cast(PARSED[column.type](known), column, clock)
    except CastError as failure:
        raise failure.schema_error(values, column.name, file, row_names) from failure


def _cast(prepared: pa.ChunkedArray, column: Column, clock: Clock) -> pa.ChunkedArray:
    def convert(values: pa.ChunkedArray) -> pa.ChunkedArray:
        if column.type != "timestamp":
            return values.cast(canonical_type(column))
        return (parsed_times if of.is_string(values.type) else typed_times)(values, clock)

    try:
        cast = convert(prepared)
    except pa.ArrowInvalid as error:
        row = _first_failing(prepared, convert)
        why, remedy = "", "Correct the source, or the declaration."
        if column.type == "timestamp":
            why = _why_not_a_time(prepared.slice(row, 1), clock)
            remedy = DECLARE_HOUR if why else remedy
        raise CastError(
            row,
            why or f"which is not of type {column.type}",
            f"{ACCEPTED[column.type]} that fit {canonical_type(column)} without loss. {remedy}",
        ) from error
    if column.type == "timestamp" and (row := first_beyond(cast)) >= 0:
        raise CastError(row, BEYOND, "a time within them. Correct the source.")
    return cast


def _why_not_a_time(one: pa.ChunkedArray, clock: Clock) -> str:
    """Why a time is invalid in its time zone; empty where it is invalid in any."""
    try:
        naive = (parsed_times if of.is_string(one.type) else typed_times)(one, UTC)
    except pa.ArrowInvalid:
        return ""
    return clock.why_not(naive)


def _first_failing(values: pa.ChunkedArray, convert: Convert) -> int:
    """Index of the first value that cannot be converted, found by bisection."""
    start, length = 0, len(values)
    while length > 1:
        half = length // 2
        try:
            convert(values.slice(start, half))
        except pa.ArrowInvalid:
            length = half
        else:
            start, length = start + half, length - half
    return start


def _integer(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if of.is_floating(values.type):
        return from_floats(values)
    if of.is_integer(values.type) or of.is_decimal(values.type):
        return values
    raise TypeMismatchError


def _number(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if of.is_decimal(values.type):
        # Arrow's own cast multiplies by 10**-scale and misses the nearest float on one value
        # in eight (0.29 and 57.16 among them); text is parsed to the nearest.
        return values.cast(pa.string())
    if of.is_floating(values.type) or of.is_integer(values.type):
        return values
    raise TypeMismatchError


def _timestamp(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if of.is_date(values.type) or of.is_timestamp(values.type):
        return values
    raise TypeMismatchError


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
    raise TypeMismatchError


def _flag(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values if of.is_boolean(values.type) else _integer(values)


def _flag_text(text: pa.ChunkedArray) -> pa.ChunkedArray:
    lower = pc.utf8_lower(text)
    digits = pc.if_else(pc.equal(lower, "true"), "1", lower)
    return from_texts(pc.if_else(pc.equal(digits, "false"), "0", digits))


def _as_written(values: pa.ChunkedArray, decimals: int | None) -> pa.ChunkedArray:
    """The decimal number that a float32 represents: float32 57.16 widens to 57.15999984741211."""
    if decimals is None:
        return values
    wide = values.to_numpy()
    rounded = np.round(wide, decimals)
    same = rounded.astype(np.float32) == wide.astype(np.float32)
    restored = pa.array(np.where(same, rounded, wide))
    return pc.if_else(pc.is_valid(values), pa.chunked_array([restored]), None)


def _example(values: pa.ChunkedArray) -> str:
    known = values.drop_null()
    return f" (such as {shown(known[0])})" if len(known) else ""


TYPED = {
    "integer": _integer,
    "number": _number,
    "timestamp": _timestamp,
    "text": _text,
    "flag": _flag,
}
PARSED = {
    "integer": from_texts,
    "number": lambda text: text,
    "timestamp": lambda text: text,
    "flag": _flag_text,
}
