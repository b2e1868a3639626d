"""A value that its declared type cannot take: which one, why, and what was expected.

Why: whoever mends a source needs the row, the value as it was written, and the reason.
Not here: finding it (``cast.py``, ``wholes.py``, ``times.py``).
"""

from collections.abc import Callable
from datetime import date

import pyarrow as pa
import pyarrow.types as of

from pipelines.core.errors import SchemaError

Place = Callable[[int], str]
LONGEST = 80


class MisfitError(Exception):
    """A value does not fit; caught where its file and place are known.

    Attributes:
        row: Its place in the column.
        why: What it is, as the end of "holds ... in row 7, ".
        expected: What was expected, and what to do.
    """

    def __init__(self, row: int, why: str, expected: str) -> None:
        self.row, self.why, self.expected = row, why, expected
        super().__init__(row, why, expected)

    def told(
        self, source: pa.ChunkedArray, column: str, file: str, place: Place
    ) -> SchemaError:
        """The error that a person reads."""
        return SchemaError(
            f"Source file {file}: column {column!r} holds {shown(source[self.row])} in "
            f"{place(self.row)}, {self.why}. Expected {self.expected}"
        )


def shown(value: pa.Scalar) -> str:
    """A value as text of at most ``LONGEST`` characters, whatever it is."""
    try:
        known = value.as_py()
    except (ValueError, OverflowError):
        # Python's own times end with the year 9999.
        unit = "days" if of.is_date32(value.type) else getattr(value.type, "unit", "ms")
        return f"{value.value} {unit} since 1970"
    text = str(known) if isinstance(known, date) else repr(known)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
