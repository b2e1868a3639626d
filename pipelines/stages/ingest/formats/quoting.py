"""Rows with wrong quotation marks: values that contain whole lines, or text after a closing mark.

Why: two stray quotation marks make one value of all the lines between them, and the resulting row
    has a valid number of fields.
Promise: such rows are rejected, each with its lines. A valid file has no slow pass: the values of
    the fast parser, and the quotation marks in the stream, show which rows to check.
Not here: rows with another number of fields, which the parser rejects (``delimited.py``).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.spec.time_formats import is_written
from pipelines.stages.ingest.formats.lines import Lines, Row
from pipelines.stages.ingest.formats.stream import CsvStream
from pipelines.stages.ingest.rejects import MISQUOTED, Reject

LINE_BREAK = re.compile(r"\r\n|\n|\r")
AFTER_CLOSING = (
    "text comes after a closing quotation mark (double one inside of a value, or declare "
    "source.escape)"
)
HAS_BREAK = "a value contains a line break, and source.newlines_in_values = False"
SWALLOWED = (
    "a quoted value contains lines with as many fields as a row (a stray quotation mark; if "
    "values do contain such text, declare source.newlines_in_values = True)"
)


@dataclass(slots=True)
class Quoting:
    """Checks the blocks of one file, in order.

    Attributes:
        lines: The file's lines.
        stream: Its bytes, as far as they were read.
        names: Names of its columns.
        time: Index of the event time among them; None for a static table.
        time_format: How the event time is written; empty for ISO 8601.
    """

    lines: Lines
    stream: CsvStream
    names: Sequence[str]
    time: int | None
    time_format: str = ""
    _slow_rows: Iterator[Row] | None = None

    def rejects(
        self, rows: pa.RecordBatch, numbers: NDArray[np.int64]
    ) -> list[tuple[int, Reject]]:
        """The invalid rows of a block, by their index in it.

        Args:
            rows: All columns of the file, as text or bytes.
            numbers: Number of each row in the file, ascending.
        """
        if not self.stream.quotes and self.lines.source.escape is None:
            return []
        every = self.stream.inner_quotes > 0
        indices = np.arange(len(numbers)) if every else self._with_breaks(rows)
        if not len(indices):
            return []
        found = zip(indices.tolist(), self._rows(numbers[indices]), strict=True)
        return [
            (index, _reject(row, len(self.names), why))
            for index, row in found
            if (why := self._why(row))
        ]

    def _with_breaks(self, rows: pa.RecordBatch) -> NDArray[np.int64]:
        """Rows with a value that contains a line break and enough delimiters for a row."""
        wanted = [self._is_wide(column) for column in rows.columns]
        either = reduce(pc.or_, wanted)
        return np.flatnonzero(either.to_numpy(zero_copy_only=False))

    def _is_wide(self, column: pa.Array) -> pa.Array:
        broken = pc.or_(pc.match_substring(column, "\n"), pc.match_substring(column, "\r"))
        if self.lines.source.newlines_in_values is not False and pc.any(broken).as_py():
            delimiters = pc.count_substring(column, self.lines.source.delimiter)
            broken = pc.and_(broken, pc.greater_equal(delimiters, len(self.names) - 1))
        return pc.fill_null(broken, fill_value=False)

    def _rows(self, numbers: NDArray[np.int64]) -> Iterator[Row]:
        """Rows with those numbers, by the slow parser, which continues where it stopped."""
        self._slow_rows = self._slow_rows or self.lines.rows()
        wanted = iter(numbers.tolist())
        number = next(wanted, None)
        while number is not None:
            row = next(self._slow_rows)
            if row.number == number:
                yield row
                number = next(wanted, None)

    def _why(self, row: Row) -> str:
        """Why a row is invalid; empty for a valid one."""
        if '"' in row.text and not self.lines.is_well_quoted(row):
            return AFTER_CLOSING
        broken = [n for n, value in enumerate(row.fields) if LINE_BREAK.search(value)]
        if broken and self.lines.source.newlines_in_values is False:
            return HAS_BREAK
        return SWALLOWED if any(self._swallowed(row.fields, n) for n in broken) else ""

    def _swallowed(self, fields: tuple[str, ...], index: int) -> bool:
        """Whether a value contains a line that is a row, or splits the row into two rows."""
        delimiter = self.lines.source.delimiter
        first, *inner, last = (p.split(delimiter) for p in LINE_BREAK.split(fields[index]))
        ends = ([*fields[:index], *first], [*last, *fields[index + 1 :]])
        return any(map(self._is_row, inner)) or all(map(self._is_row, ends))

    def _is_row(self, fields: Sequence[str]) -> bool:
        if len(fields) != len(self.names):
            return False
        # Where values may contain line breaks by declaration, a line must also have an event time.
        if not self.lines.source.newlines_in_values or self.time is None:
            return True
        return _is_time(fields[self.time].strip(' "'), self.time_format)


def _is_time(text: str, time_format: str) -> bool:
    if time_format:
        return is_written(text, time_format)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _reject(row: Row, expected: int, why: str) -> Reject:
    text = row.text.rstrip("\r\n")
    return Reject(row.line, len(row.fields), expected, text, lines_in(text), why, MISQUOTED)


def lines_in(text: str) -> int:
    """Number of lines of a row."""
    return len(LINE_BREAK.findall(text)) + 1
