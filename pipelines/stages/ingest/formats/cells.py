"""Values of formats in which each value has a type of its own: JSON lines and spreadsheets.

Why: a column may mix numbers, texts and nulls, and its declared type decides what they are.
Promise: a number keeps its digits; a text column takes texts and the digits of integers, and nothing that
    could be written in two ways.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

from pipelines.core.errors import SchemaError
from pipelines.spec import Column
from pipelines.stages.ingest.values.cast_errors import RowNames, clipped

DIGITS = re.compile(r"-?[0-9]+")
NESTED = (dict, list)
WRITTEN: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "true" if value else "false",
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: str,
}


class Literal(str):
    """A number as it is written."""

    __slots__ = ()


def texts_of(
    values: Sequence[Any], column: Column, file: str, row_names: RowNames
) -> pa.ChunkedArray:
    """The texts of a column's values, which are cast as those of CSV.

    Raises:
        SchemaError: A value is nested, or is not a text where a text is declared.
    """
    kinds = set(map(type, values)) - {str, type(None)}
    if kinds and (column.type == "text" or not kinds <= {Literal}):
        for row, value in enumerate(values):
            _require_fitting(value, column, file, row, row_names)
        values = [_written(value) for value in values]
    try:
        return pa.chunked_array([pa.array(values, pa.string())])
    except UnicodeEncodeError as error:
        row = next(n for n, value in enumerate(values) if not _can_be_written(value))
        raise _error(
            values[row], column, file, row_names(row), "a text with half of a character"
        ) from error


def _written(value: object) -> object:
    write = WRITTEN.get(type(value))
    return value if write is None else write(value)


def _require_fitting(
    value: object, column: Column, file: str, row: int, row_names: RowNames
) -> None:
    if isinstance(value, NESTED):
        raise _error(value, column, file, row_names(row), "a nested value")
    if column.type != "text" or value is None or type(value) is str:
        return
    if not (isinstance(value, Literal) and DIGITS.fullmatch(value)):
        raise _error(value, column, file, row_names(row), f"a {_kind(value)}")


def _kind(value: object) -> str:
    return "number" if isinstance(value, Literal) else type(value).__name__


def _error(value: object, column: Column, file: str, where: str, what: str) -> SchemaError:
    return SchemaError(
        f"Source file {file}: column {column.name!r} holds {clipped(value, column)} in {where}, {what}. "
        f"Expected a single value of type {column.type}. Have the source write one, or correct the "
        f"declaration."
    )


def _can_be_written(value: str | None) -> bool:
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        return False
    return True
