"""Casting a source column to its declared type, or saying which value does not fit.

Why: a lossy cast is a wrong number that no rule can find later.
Promise: zero, 0.0, False, empty text, null and NaN stay apart wherever the declared type can
    hold the difference; a value that would change is refused with its place.
Not here: what times and whole numbers are made from (``times.py``, ``wholes.py``), whether a
    value makes sense (``pipelines/shared/expectations/``).
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.core.errors import SchemaError
from pipelines.shared.tables.schema import canonical_type
from pipelines.spec import Column
from pipelines.stages.ingest.cast_errors import MisfitError, Place, shown
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
    "'second' if it comes twice."
)


class NotThisTypeError(Exception):
    """The source's type is none that the declared one may be made from."""


def from_typed(
    values: pa.ChunkedArray, column: Column, file: str, place: Place, clock: Clock = UTC
) -> pa.ChunkedArray:
    """Cast a column that has a type of its own, as Parquet gives it.

    Raises:
        SchemaError: The type is another kind of thing, or a value does not fit.
    """
    found = values.type
    if of.is_dictionary(found):
        values = values.cast(found.value_type)
    if of.is_null(values.type):
        return values.cast(canonical_type(column))
    try:
        cast = _cast(TYPED[column.type](values), column, clock)
    except NotThisTypeError:
        raise SchemaError(
            f"Source file {file}: column {column.name!r} is {found}{_example(values)} where "
            f"{column.type} is declared. Expected {ACCEPTED[column.type]}. Deliver it so, or "
            f"correct the declaration."
        ) from None
    except MisfitError as misfit:
        raise misfit.told(values, column.name, file, place) from misfit
    narrow = of.is_float32(values.type) or of.is_float16(values.type)
    return _as_written(cast, column.decimals) if narrow and column.type == "number" else cast


def from_text(
    values: pa.ChunkedArray, column: Column, file: str, place: Place, clock: Clock = UTC
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
    try:
        return _cast(PARSED[column.type](known), column, clock)
    except MisfitError as misfit:
        raise misfit.told(values, column.name, file, place) from misfit


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
            why = _why_no_time(prepared.slice(row, 1), clock)
            remedy = DECLARE_HOUR if why else remedy
        raise MisfitError(
            row,
            why or f"which is no {column.type}",
            f"{ACCEPTED[column.type]} that fit {canonical_type(column)} without loss. {remedy}",
        ) from error
    if column.type == "timestamp" and (row := first_beyond(cast)) >= 0:
        raise MisfitError(row, BEYOND, "a time that there is. Correct the source.")
    return cast


def _why_no_time(one: pa.ChunkedArray, clock: Clock) -> str:
    """Why a time is none in its zone; empty where it is none in any."""
    try:
        naive = (parsed_times if of.is_string(one.type) else typed_times)(one, UTC)
    except pa.ArrowInvalid:
        return ""
    return clock.why_not(naive)


def _first_failing(values: pa.ChunkedArray, convert: Convert) -> int:
    """Place of the first value that cannot be converted, found by halving."""
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
    if of.is_date(values.type) or of.is_timestamp(values.type):
        return values
    raise NotThisTypeError


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


def _flag_text(text: pa.ChunkedArray) -> pa.ChunkedArray:
    lower = pc.utf8_lower(text)
    worded = pc.if_else(pc.equal(lower, "true"), "1", lower)
    return from_texts(pc.if_else(pc.equal(worded, "false"), "0", worded))


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
