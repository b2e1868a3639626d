"""Cast a source column to its declared type, or report the value that cannot be cast.

Why: a lossy cast gives a wrong number that no rule can find later.
Promise: zero, 0.0, False, empty text, null and NaN stay distinct wherever the declared type can
    represent the difference; a value that would change is refused with its row.
Not here: the casts of times, words and integers (``times.py``, ``written_times.py``, ``word_values.py``,
    ``whole_numbers.py``), whether a value is
    valid (``pipelines/shared/expectations/``).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.core.errors import SchemaError
from pipelines.shared.tables.schema import canonical_type
from pipelines.spec import Column
from pipelines.stages.ingest.values.cast_errors import (
    CastError,
    RowNames,
    first_failing,
    first_true,
    shown,
)
from pipelines.stages.ingest.values.number_marks import PLAIN, Marks, hint
from pipelines.stages.ingest.values.times import (
    BEYOND,
    Clock,
    first_beyond,
    parsed_times,
    typed_times,
)
from pipelines.stages.ingest.values.uuids import is_uuid, uuid_texts
from pipelines.stages.ingest.values.whole_numbers import from_floats, from_texts
from pipelines.stages.ingest.values.word_values import as_words, by_words
from pipelines.stages.ingest.values.written_times import is_text_type, written_times

ACCEPTED = {
    "integer": "integers, or numbers without a fraction",
    "number": "numbers",
    "timestamp": "timestamps or dates (text only in CSV, as 2026-01-31 23:59:59)",
    "text": "text",
    "flag": "0 and 1, or true and false",
}
NUMBERS = ("integer", "number")
MOST_FLOAT = "1.8e308"
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
        cast = _declared(values, column, clock)
        if cast is None:
            cast = _cast(TYPED[column.type](values), column, clock)
    except TypeMismatchError:
        raise SchemaError(
            f"Source file {file}: column {column.name!r} is {found}{_example(values, column)} where "
            f"{column.type} is declared. Expected {ACCEPTED[column.type]}. Correct the source, or "
            f"the declaration."
        ) from None
    except CastError as failure:
        raise failure.schema_error(values, column, file, row_names) from failure
    narrow = of.is_float32(values.type) or of.is_float16(values.type)
    return _as_written(cast, column.decimals) if narrow and column.type == "number" else cast


def from_text(
    values: pa.ChunkedArray,
    column: Column,
    file: str,
    row_names: RowNames,
    clock: Clock = UTC,
    marks: Marks = PLAIN,
) -> pa.ChunkedArray:
    """Cast a text column, as read from CSV.

    Raises:
        SchemaError: A value is not of the declared type.
    """
    if not of.is_string(values.type):
        # In a spreadsheet, times have a type of their own.
        return from_typed(values, column, file, row_names, clock)
    if column.type == "text":
        return values
    trimmed = pc.utf8_trim_whitespace(values)
    # For a number or a time an empty field is null, quoted or not.
    known = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    try:
        cast = _declared(known, column, clock)
        if cast is None:
            known = marks.plain(known) if column.type in NUMBERS else known
            cast = _cast(PARSED[column.type](known), column, clock)
    except CastError as failure:
        raise failure.schema_error(values, column, file, row_names) from failure
    return cast


def _declared(values: pa.ChunkedArray, column: Column, clock: Clock) -> pa.ChunkedArray | None:
    """Values by the words or the time format of their column; None where it has none for their type.

    Raises:
        CastError: A word is not declared, or a time is not in the format.
    """
    if column.words:
        words = as_words(values, column.words)
        return None if words is None else by_words(words, column.words)
    if not column.time_format:
        return None
    return written_times(values, column.time_format, clock)


def _cast(prepared: pa.ChunkedArray, column: Column, clock: Clock) -> pa.ChunkedArray:
    def convert(values: pa.ChunkedArray) -> pa.ChunkedArray:
        if column.type != "timestamp":
            return values.cast(canonical_type(column))
        return (parsed_times if of.is_string(values.type) else typed_times)(values, clock)

    try:
        cast = convert(prepared)
    except pa.ArrowInvalid as error:
        row = first_failing(prepared, convert)
        raise _failure(row, prepared, column, clock) from error
    if column.type == "timestamp" and (row := first_beyond(cast)) >= 0:
        raise CastError(row, BEYOND, "a time within them. Correct the source.")
    if column.type == "number" and of.is_string(prepared.type):
        _require_finite(prepared, cast)
    return cast


def _failure(row: int, prepared: pa.ChunkedArray, column: Column, clock: Clock) -> CastError:
    """The error of a value that is not of the declared type."""
    why, remedy = "", "Correct the source, or the declaration."
    if column.type == "timestamp":
        why = _why_not_a_time(prepared.slice(row, 1), clock)
        remedy = DECLARE_HOUR if why else f"{remedy} Another way of writing is a time_format."
    elif of.is_string(prepared.type):
        remedy = f"{hint(prepared[row].as_py())}{remedy}"
    return CastError(
        row,
        why or f"which is not of type {column.type}",
        f"{ACCEPTED[column.type]} that fit {canonical_type(column)} without loss. {remedy}",
    )


def _require_finite(text: pa.ChunkedArray, numbers: pa.ChunkedArray) -> None:
    """Refuse a number that is too large for a float, which Arrow reads as infinity."""
    infinite = pc.is_inf(numbers)
    if not pc.any(infinite).as_py():
        return
    row = first_true(pc.and_(infinite, pc.match_substring_regex(text, "[0-9]")))
    if row >= 0:
        raise CastError(
            row, "which is too large for a float", f"numbers below {MOST_FLOAT}. Correct it."
        )


def _why_not_a_time(one: pa.ChunkedArray, clock: Clock) -> str:
    """Why a time is invalid in its time zone; empty where it is invalid in any."""
    try:
        naive = (parsed_times if of.is_string(one.type) else typed_times)(one, UTC)
    except pa.ArrowInvalid:
        return ""
    return clock.why_not(naive)


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
    if is_uuid(values.type):
        return uuid_texts(values)
    if (
        is_text_type(values.type)
        or of.is_binary(values.type)
        or of.is_large_binary(values.type)
    ):
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


def _example(values: pa.ChunkedArray, column: Column) -> str:
    if column.sensitive:
        return ""
    known = values.drop_null()
    return f" (such as {shown(known[0], column)})" if len(known) else ""


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
