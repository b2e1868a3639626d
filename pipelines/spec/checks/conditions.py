"""Mistakes in conditions on the rows of a table: unknown columns, and values that no row has.

Why: a condition that nothing meets is no error of any run; its result is empty, or is not filtered.
Promise: every mistake is listed, with what to write instead.
"""

from collections.abc import Iterator

from pipelines.core.declared import nearest, unknown
from pipelines.spec.checks.columns import fits
from pipelines.spec.conditions import alternatives
from pipelines.spec.tables import Column, Table


def condition_problems(
    where: str, table: Table, condition: tuple[str, object]
) -> Iterator[str]:
    """The mistakes of a condition on the rows of a table."""
    name, wanted = condition
    yield from unknown(f"{where}: column", name, table.column_names())
    values = alternatives(wanted)
    if not values:
        yield f"{where}: () are no values. Name one or more that column {name!r} can have."
    for column in table.columns:
        if column.name == name:
            for value in values:
                yield from (f"{where}: {text}" for text in _value(column, value))


def _value(column: Column, value: object) -> Iterator[str]:
    if column.type == "timestamp":
        yield f"column {column.name!r} is a timestamp. Use a column of values."
    elif not fits(column, value):
        several = " Write any of several as a tuple." * isinstance(value, list)
        yield (
            f"value {value!r} cannot occur in column {column.name!r} of type {column.type!r}.{several}"
        )
    elif column.values and value not in column.values:
        yield (
            f"value {value!r} is not one of the values of column {column.name!r}. "
            f"{nearest(value, map(str, column.values))}"
        )
    elif isinstance(value, int | float) and not _is_between(column, value):
        yield f"value {value!r} is not between low and high of column {column.name!r}."


def _is_between(column: Column, value: float) -> bool:
    low = -float("inf") if column.low is None else column.low
    high = float("inf") if column.high is None else column.high
    return low <= value <= high
