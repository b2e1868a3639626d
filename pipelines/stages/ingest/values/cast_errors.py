"""A value that cannot be cast to its declared type: the row, the reason, and what was expected.

Why: to correct a source, its owner needs the row, the value as it was written, and the reason.
Promise: of a sensitive column only the number of characters and their kinds are said.
Not here: finding it (``cast.py``, ``whole_numbers.py``, ``times.py``).
"""

from collections.abc import Callable
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.core.errors import SchemaError
from pipelines.core.masking import described
from pipelines.spec import Column

RowNames = Callable[[int], str]
"""Returns the name of a row of a block in messages, such as ``line 7``."""
Convert = Callable[[pa.ChunkedArray], pa.ChunkedArray]
LONGEST = 80


class CastError(Exception):
    """A value cannot be cast; caught where its file and row are known.

    Attributes:
        row: Its index in the column.
        why: The reason, as the end of "holds ... in row 7, ".
        expected: What was expected, and what to do.
    """

    def __init__(self, row: int, why: str, expected: str) -> None:
        self.row, self.why, self.expected = row, why, expected
        super().__init__(row, why, expected)

    def schema_error(
        self, source: pa.ChunkedArray, column: Column, file: str, row_names: RowNames
    ) -> SchemaError:
        """The error for the user."""
        return SchemaError(
            f"Source file {file}: column {column.name!r} holds {shown(source[self.row], column)} in "
            f"{row_names(self.row)}, {self.why}. Expected {self.expected}"
        )


def shown(value: pa.Scalar, column: Column) -> str:
    """A value of a column as text of at most ``LONGEST`` characters, whatever it is."""
    if column.sensitive and value.is_valid:
        return described(_as_text(value))
    try:
        known = value.as_py()
    except (ValueError, OverflowError):
        # Python's own times end with the year 9999.
        unit = "days" if of.is_date32(value.type) else getattr(value.type, "unit", "ms")
        return f"{value.value} {unit} since 1970"
    return clipped(known, column)


def _as_text(value: pa.Scalar) -> str:
    try:
        return str(value.as_py())
    except (ValueError, OverflowError):
        return str(value.value)


def clipped(value: object, column: Column) -> str:
    """A value of Python's as text of at most ``LONGEST`` characters."""
    if column.sensitive and value is not None:
        return described(str(value))
    text = str(value) if isinstance(value, date) else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def first_true(found: pa.ChunkedArray) -> int:
    """Index of the first true value; -1 if there is none."""
    return int(pc.index(found, value=True).as_py())


def first_failing(values: pa.ChunkedArray, convert: Convert) -> int:
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
