"""Rows of a database as blocks of Arrow columns, each of the type that its values have.

Why: databases give Python values, SQLite of any type in any row; the casts to the declared types are
    those of files, which begin with Arrow columns.
Promise: no value is changed: a decimal keeps its digits, a time its instant; what Arrow has no type
    for is an error that names its row.
Not here: the casts (``pipelines/stages/ingest/values/cast.py``).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import pyarrow as pa

from pipelines.core.errors import SchemaError
from pipelines.core.text import readable
from pipelines.spec import Column
from pipelines.stages.ingest.values.cast_errors import clipped

AS_TEXT = (UUID, IPv4Address, IPv6Address)
TOGETHER = ({int, float}, {int, Decimal})
"""Types whose values may be in one column."""
REMEDY = "Convert it in the statement, such as CAST({0} AS text), or correct the data."


def arrow_block(
    rows: Sequence[Sequence[Any]],
    names: Sequence[str],
    source: str,
    first: int,
    hidden: Collection[str] = (),
) -> pa.Table:
    """A block of rows as a table.

    Args:
        rows: The rows.
        names: Names of their columns.
        source: What the rows are of, for messages.
        first: Number of the first row.
        hidden: Columns whose values no message shows.

    Raises:
        SchemaError: A value has no Arrow type, or the values of a column are of several.
    """
    columns = zip(*rows, strict=True)
    return pa.table(
        {
            name: _column(
                list(values), Column(name, "text", sensitive=name in hidden), source, first
            )
            for name, values in zip(names, columns, strict=True)
        }
    )


def _column(values: list[Any], column: Column, source: str, first: int) -> pa.Array:
    kinds = _kinds(values)
    for kind, convert in CONVERTED.items():
        if any(issubclass(each, kind) for each in kinds):
            values = [convert(v) if isinstance(v, kind) else v for v in values]
    if Decimal in kinds and kinds <= {Decimal, int}:
        values = _finite(values)
    array = _array(values)
    if array is None:
        raise _mixed(values, column, source, first)
    return array


def _kinds(values: Sequence[Any]) -> set[type]:
    return {type(value) for value in values} - {type(None)}


def _finite(decimals: list[Any]) -> list[Any]:
    """Decimals, or floats where one of them is NaN or infinite, which Arrow's decimals cannot be."""
    exact = [v if v is None else Decimal(v) for v in decimals]
    if all(v is None or v.is_finite() for v in exact):
        return decimals
    return [v if v is None else float("nan") if v.is_nan() else float(v) for v in exact]


def _array(values: Sequence[Any]) -> pa.Array | None:
    """The values as an array; None if they are not of one type."""
    kinds = _kinds(values)
    # Arrow itself cuts times to dates where a date comes first, and takes texts for bytes.
    if len(kinds) > 1 and kinds not in TOGETHER:
        return None
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return None


def _mixed(values: list[Any], column: Column, source: str, first: int) -> SchemaError:
    """The error of the first value that does not go with those before it."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _array(values[:middle]) is not None else (low, middle)
    bad = values[low]
    before = next((type(v).__name__ for v in values[:low] if v is not None), "")
    beside = f" where rows before it have {before}" if before else ""
    return SchemaError(
        f"{source}: column {column.name!r} has {clipped(readable(bad), column)} of type {type(bad).__name__} in row "
        f"{first + low} (the first is 0){beside}. Expected values of one type: a number, a text, a "
        f"boolean, a date or a time. {REMEDY.format(column.name)}"
    )


CONVERTED: Mapping[type, Callable[[Any], Any]] = {
    **dict.fromkeys(AS_TEXT, str),
    memoryview: bytes,
}
