"""The lines of a CSV file: the line number of a row, and the error of a damaged file.

Why: a file is corrected by its line numbers, and values may contain line breaks.
Promise: bounded memory; the slow pass over a file is made for messages and rejects only.
Not here: the file's bytes (``stream.py``), which rows are invalid (``quoting.py``).
"""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from pipelines.core.errors import SourceUnreadableError
from pipelines.core.masking import message_of
from pipelines.spec import Source
from pipelines.stages.ingest.damage import CutShortError
from pipelines.stages.ingest.formats.stream import END, CsvStream, opened

LARGEST_FIELD = 1 << 30
UNDECODABLE = "\ufffd"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file, header included.

    Attributes:
        number: Its number, from 1.
        line: Number of its first line, from 1.
        fields: Its fields.
        text: Its lines as they are in the file.
    """

    number: int
    line: int
    fields: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """A file's lines.

    Attributes:
        path: Its path on this machine.
        name: Its name in messages.
        source: Declares its format.
    """

    path: Path
    name: str
    source: Source

    def header(self) -> list[str]:
        """Names of the columns, as many as the rows have fields.

        A trailing delimiter in the first line alone is not a column.

        Raises:
            CutShortError: There is no first line.
            SourceUnreadableError: It is not UTF-8.
        """
        rows = self.rows()
        first = next(rows, _NONE)
        names = list(first.fields)
        if not names:
            raise CutShortError(
                f"Source file {self.name} is empty. Expected at least a line with the column "
                f"names. Have it written again."
            )
        if any(UNDECODABLE in name for name in names):
            raise SourceUnreadableError(
                f"Source file {self.name}: the column names in line 1 are not UTF-8 text. "
                f"Expected UTF-8. Write the file again in that encoding."
            )
        # The parser skips one line, so the header must be one line.
        if not names[-1] and first.line == 1 == len(first.text.splitlines()):
            fields = len(next(rows, _NONE).fields) or len(names)
            while len(names) > fields and not names[-1]:
                names.pop()
        return names

    def is_header_trimmed(self, names: Sequence[str]) -> bool:
        """Whether the first line has more columns than these, the others without a name."""
        first = next(self.rows(), _NONE)
        return len(first.fields) > len(names)

    def starts(self, numbers: Sequence[int]) -> list[int]:
        """Number of the first line of each row; numbers count from 1, header included, ascending."""
        wanted, found = iter(numbers), []
        number = next(wanted, None)
        for row in self.rows():
            if number is None:
                break
            if row.number == number:
                found.append(row.line)
                number = next(wanted, None)
        return found

    def is_last_row(self, number: int) -> bool:
        """Whether no row follows the one with that number."""
        return not self.starts([number + 1])

    def unclosed(self) -> CutShortError:
        """The error of a file that ends inside of a quoted value."""
        last = max((row.line for row in self.rows()), default=1)
        return CutShortError(
            f"Source file {self.name}: a quotation mark is opened and not closed, by line "
            f"{last} at the latest. Expected each quoted value to end with one, and one "
            f"inside of a value to be doubled. Correct that line, or have the file written "
            f"again."
        )

    def diagnosed(self, stream: CsvStream, error: Exception) -> SourceUnreadableError:
        """The error, with its line, of a file that the parser could not read."""
        while stream.read(1 << 20):
            pass
        last = _NONE
        for row in self.rows(with_end=True):
            last = row
            if any(UNDECODABLE in field for field in row.fields):
                return SourceUnreadableError(
                    f"Source file {self.name}: line {row.line} (row {row.number - 2}, the first "
                    f"is 0) is not UTF-8 text. Expected UTF-8. Write the file again in "
                    f"that encoding."
                )
        if last.fields != (END,):
            return self.unclosed()
        return SourceUnreadableError(
            f"Source file {self.name} cannot be read as CSV "
            f"({' '.join(message_of(error).split())[:200]}). Expected values separated by "
            f"{self.source.delimiter!r}, with a line of names. Have it written again."
        )

    def rows(self, *, with_end: bool = False) -> Iterator[Row]:
        """All rows, by the slow parser; an empty line is not a row.

        Args:
            with_end: Whether a last row of ``END`` alone is added, which becomes part of a
                quoted value that is never closed.
        """
        csv.field_size_limit(LARGEST_FIELD)
        with opened(self.path, self.name) as stream:
            buffered = io.BufferedReader(stream, 1 << 16)
            text = io.TextIOWrapper(buffered, "utf-8-sig", errors="replace", newline="")
            seen: list[str] = []
            lines = self._kept(chain(text, [END] if with_end else ()), seen)
            reader, line, number = self.reader(lines), 1, 0
            for fields in reader:
                if fields:
                    number += 1
                    yield Row(number, line, tuple(fields), "".join(seen))
                line = reader.line_num + 1
                seen.clear()

    def is_well_quoted(self, row: Row) -> bool:
        """Whether nothing but a delimiter or the line's end follows a closing quotation mark."""
        with suppress(csv.Error):
            return bool(list(self.reader(row.text.splitlines(keepends=True), strict=True)))
        return False

    def reader(self, lines: Iterator[str] | list[str], *, strict: bool = False) -> Any:
        """The slow parser, with the same results as the fast one."""
        return csv.reader(
            lines,
            delimiter=self.source.delimiter,
            escapechar=self.source.escape,
            strict=strict,
        )

    @staticmethod
    def _kept(lines: Iterator[str], seen: list[str]) -> Iterator[str]:
        for line in lines:
            seen.append(line)
            yield line


_NONE = Row(0, 1, (), "")
