"""Mistakes in declared columns: their types, bounds and values.

Why: a bound that no value is compared with, or a value that no row can have, is a mistake that no
    run would report.
Promise: every mistake is listed, with its location and what to write instead.
Not here: ids and times (``tables.py``).
"""

from collections.abc import Iterator

from pipelines.core.declared import nearest
from pipelines.spec.tables import COLUMN_TYPES, Column, Table

MEASURED = ("integer", "number", "flag")
FLAGS = (0, 1)
# Beyond that, neighbouring floats of everyday sizes are further apart.
MOST_DECIMALS = 15
MOST_INTEGER = 2**63 - 1


def column_problems(table: Table) -> Iterator[str]:
    """The mistakes of each column of a table."""
    if not table.columns:
        yield f"table {table.name}: declares no columns."
    for column in table.columns:
        where = f"table {table.name}: column {column.name}"
        if column.type not in COLUMN_TYPES:
            # None is a missing type, which is reported as such
            if column.type is not None:
                yield f"{where}: type {column.type!r}. {nearest(column.type, COLUMN_TYPES)}"
            continue
        for problem in (*_bounds(column), *_values(column), *_decimals(column)):
            yield f"{where}: {problem}"


def fits(column: Column, value: object) -> bool:
    """Whether a declared value can be one of a column's."""
    if column.type == "text":
        return isinstance(value, str)
    if column.type == "timestamp" or not isinstance(value, int | float):
        return False
    if column.type == "number":
        return True
    return float(value).is_integer() and (column.type == "integer" or value in FLAGS)


def _bounds(column: Column) -> Iterator[str]:
    bounds = [bound for bound in (column.low, column.high) if bound is not None]
    if bounds and column.type not in MEASURED:
        yield f"low and high are for {', '.join(MEASURED)}, not {column.type!r}. Omit them."
    elif bounds != sorted(bounds):
        yield f"low {column.low} is above high {column.high}."
    elif column.type == "integer" and max(map(abs, bounds), default=0) > MOST_INTEGER:
        yield f"low and high of an integer must be within 64 bits; got {bounds!r}."


def _values(column: Column) -> Iterator[str]:
    odd = [value for value in column.values if not fits(column, value)]
    if odd and column.type == "timestamp":
        yield "values are not for timestamps. Omit them."
    elif odd:
        yield f"value {odd[0]!r} cannot occur in a column of type {column.type!r}."
    elif outside := _outside(column):
        yield f"value {outside[0]!r} is not between low and high."


def _outside(column: Column) -> list[object]:
    """Declared values that are beyond a declared bound."""
    low = -float("inf") if column.low is None else column.low
    high = float("inf") if column.high is None else column.high
    numbers = [value for value in column.values if isinstance(value, int | float)]
    return [value for value in numbers if not low <= value <= high]


def _decimals(column: Column) -> Iterator[str]:
    if column.decimals is None:
        return
    if column.type != "number":
        yield f"decimals needs type 'number', not {column.type!r}."
    elif not 0 <= column.decimals <= MOST_DECIMALS:
        yield f"decimals must be 0 to {MOST_DECIMALS}; got {column.decimals!r}."
