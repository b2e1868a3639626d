"""Rows whose quotation marks are wrong: values that swallowed lines, and text after a closing mark.

Why: two stray quotation marks make one value of all the lines between them, and nothing about
    the row they leave behind is irregular.
Promise: such rows are kept apart, each with its lines. A sound file is not walked through: the
    fast parser's values, and the quotation marks in the stream, tell where to look.
Not here: rows of another number of fields, which the parser hands back (``delimited.py``).
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

from pipelines.stages.ingest.lines import Lines, Row
from pipelines.stages.ingest.rejects import Reject
from pipelines.stages.ingest.stream import Watched

LINE_BREAK = re.compile(r"\r\n|\n|\r")
AFTER_CLOSING = (
    "text comes after a closing quotation mark (double one inside of a value, or declare "
    "source.escape)"
)
HAS_BREAK = "a value holds a line break, and source.newlines_in_values = False"
SWALLOWED = (
    "a quoted value holds lines that have as many fields as a row (a stray quotation mark; if "
    "values do hold such text, declare source.newlines_in_values = True)"
)


@dataclass(slots=True)
class Quoting:
    """Looks over the blocks of one file, in order.

    Attributes:
        lines: The file's lines.
        stream: Its bytes, as far as they were read.
        names: Names of its columns.
        time: Place of the event time among them.
    """

    lines: Lines
    stream: Watched
    names: Sequence[str]
    time: int
    _walk: Iterator[Row] | None = None

    def rejects(
        self, rows: pa.RecordBatch, numbers: NDArray[np.int64]
    ) -> list[tuple[int, Reject]]:
        """The rows of a block that are none, by their place in it.

        Args:
            rows: Every column of the file, as text or bytes.
            numbers: Number of each row in the file, rising.
        """
        if not self.stream.quotes and self.lines.source.escape is None:
            return []
        every = self.stream.inner_quotes > 0
        places = np.arange(len(numbers)) if every else self._with_breaks(rows)
        if not len(places):
            return []
        found = zip(places.tolist(), self._rows(numbers[places]), strict=True)
        return [
            (place, _reject(row, len(self.names), why))
            for place, row in found
            if (why := self._why(row))
        ]

    def _with_breaks(self, rows: pa.RecordBatch) -> NDArray[np.int64]:
        """Rows with a value that holds a line break and delimiters enough for a row."""
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
        """Rows of those numbers, by the slow walk, which goes on where it stopped."""
        self._walk = self._walk or self.lines.rows()
        wanted = iter(numbers.tolist())
        number = next(wanted, None)
        while number is not None:
            row = next(self._walk)
            if row.number == number:
                yield row
                number = next(wanted, None)

    def _why(self, row: Row) -> str:
        """Why a row is none; empty for a sound one."""
        if '"' in row.text and not self.lines.is_well_quoted(row):
            return AFTER_CLOSING
        broken = [n for n, value in enumerate(row.fields) if LINE_BREAK.search(value)]
        if broken and self.lines.source.newlines_in_values is False:
            return HAS_BREAK
        return SWALLOWED if any(self._swallowed(row.fields, n) for n in broken) else ""

    def _swallowed(self, fields: tuple[str, ...], place: int) -> bool:
        """Whether a value holds a line that is a row, or parts the row into two."""
        delimiter = self.lines.source.delimiter
        first, *inner, last = (p.split(delimiter) for p in LINE_BREAK.split(fields[place]))
        ends = ([*fields[:place], *first], [*last, *fields[place + 1 :]])
        return any(map(self._is_row, inner)) or all(map(self._is_row, ends))

    def _is_row(self, fields: Sequence[str]) -> bool:
        if len(fields) != len(self.names):
            return False
        # Values that were declared to hold anything are suspected of no less than a whole row.
        return not self.lines.source.newlines_in_values or _is_time(fields[self.time])


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text.strip(' "'))
    except ValueError:
        return False
    return True


def _reject(row: Row, expected: int, why: str) -> Reject:
    text = row.text.rstrip("\r\n")
    return Reject(row.line, len(row.fields), expected, text, lines_in(text), why)


def lines_in(text: str) -> int:
    """Lines that a row takes."""
    return len(LINE_BREAK.findall(text)) + 1
