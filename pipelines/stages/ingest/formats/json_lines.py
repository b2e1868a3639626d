"""Read one file of JSON lines: an object a line, plain or compressed.

Why: a lenient reader guesses types from the first lines, and gives up a file for one broken line.
Promise: a number keeps its digits until it is cast to the declared type; a line that is not an object
    is rejected with its number and text; nested values are refused, and never flattened or cut.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.core.errors import SourceUnreadableError
from pipelines.stages.ingest.columns import match_columns, matching, undeclared
from pipelines.stages.ingest.damage import CutShortError
from pipelines.stages.ingest.formats.cells import Literal, texts_of
from pipelines.stages.ingest.formats.compression import Content, decompressed
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.rejects import (
    BROKEN,
    MAX_REJECTED_BYTES,
    Reject,
    require_few_bytes,
)
from pipelines.stages.ingest.values.cast_errors import RowNames

CHUNK_BYTES = 4 << 20
BLOCK_BYTES, BLOCK_ROWS = 16 << 20, 1 << 16
LONGEST_LINE_BYTES = 64 << 20
# With more keys than this the lines are no rows of a table.
MOST_KEYS = 10_000
BOM = b"\xef\xbb\xbf"
NO_OBJECT, TWICE = "not a JSON object", "a JSON object with a key twice"
REMEDY = "Expected one JSON object a line. Have the file written again."


class _TwiceError(ValueError):
    """An object has a key twice."""


def read_json_lines(path: Path, read: Read) -> Iterator[tuple[pa.Table, RowNames]]:
    """Declared columns of a file as texts, block by block, under their declared names.

    A key that a line does not have is null there.

    Yields:
        Rows, and a function that names one of them in messages.

    Raises:
        CutShortError: The file is empty, or ends in the middle of a line.
        SourceUnreadableError: It is not UTF-8, or not JSON lines.
        SchemaError: Declared columns are missing, ambiguous or nested.
    """
    lines = _JsonLines(read)
    with decompressed(path, read.name) as content:
        for number, line, is_whole in _split(content, read.name):
            lines.add(line, number, is_whole=is_whole)
            if lines.is_block():
                yield lines.block()
                read.read_share = content.read_share()
        if lines.rows:
            yield lines.block()
    lines.require_every_column()


class _JsonLines:
    """The lines of a file: the objects of the block that is read, and what was seen so far.

    Attributes:
        rows: The objects of the block.
    """

    def __init__(self, read: Read) -> None:
        self.rows: list[dict[str, Any]] = []
        self._numbers: list[int] = []
        self._bytes = self._rejected_bytes = 0
        self._read = read
        self._seen: dict[str, None] = {}
        self._columns: Mapping[str, str] = {}

    def add(self, line: bytes, number: int, *, is_whole: bool) -> None:
        """Parse a line, and reject it if it is not an object."""
        text = _decoded(line, number, self._read.name)
        try:
            row, why = DECODE(text), NO_OBJECT
        except (ValueError, RecursionError) as error:
            if not is_whole:
                raise _cut_short(number, self._read.name) from error
            row, why = None, TWICE if isinstance(error, _TwiceError) else NO_OBJECT
        if not isinstance(row, dict):
            self._reject(text, number, why)
            return
        self._see(row)
        self.rows.append(row)
        self._numbers.append(number)
        self._bytes += len(line)

    def is_block(self) -> bool:
        """Whether there are enough rows for a block."""
        return len(self.rows) >= BLOCK_ROWS or self._bytes >= BLOCK_BYTES

    def block(self) -> tuple[pa.Table, RowNames]:
        """The rows in the declared columns; the next block begins."""
        names, columns = partial(_row_name, self._numbers), {}
        for column in self._read.table.columns:
            key = self._columns.get(column.name)
            values = [None if key is None else row.get(key) for row in self.rows]
            columns[column.name] = texts_of(values, column, self._read.name, names)
        self.rows, self._numbers, self._bytes = [], [], 0
        return pa.table(columns), names

    def _reject(self, text: str, number: int, why: str) -> None:
        self._read.rejected.append(Reject(number, 0, 0, text.rstrip("\r"), 1, why, BROKEN))
        self._rejected_bytes += len(text)
        if self._rejected_bytes > MAX_REJECTED_BYTES:
            require_few_bytes(self._read.rejected, self._read.name)

    def _see(self, row: Mapping[str, Any]) -> None:
        """Note the keys of a line."""
        if self._seen.keys() >= row.keys():
            return
        new = [key for key in row if key not in self._seen]
        self._seen |= dict.fromkeys(new)
        if len(self._seen) > MOST_KEYS:
            raise SourceUnreadableError(
                f"Source file {self._read.name} has more than {MOST_KEYS:,} different keys. "
                f"Expected objects with the columns of a table as keys. Have it written so."
            )
        found = dict.fromkeys([*self._columns.values(), *new])
        self._columns = matching(list(found), self._read.table, self._read.name)

    def require_every_column(self) -> None:
        """Raise if no line had a declared column, or there was no line."""
        if not self._seen and not self._read.rejected:
            raise CutShortError(f"Source file {self._read.name} is empty. {REMEDY}")
        self._read.extra = undeclared(list(self._seen), self._columns)
        if self._seen:
            match_columns(list(self._seen), self._read.table, self._read.name)


def _split(content: Content, name: str) -> Iterator[tuple[int, bytes, bool]]:
    """Number and bytes of each line that is not blank, and whether it ends with a line break."""
    begin, number = content.head(), 0
    if begin.removeprefix(BOM).lstrip().startswith(b"["):
        raise SourceUnreadableError(
            f"Source file {name} is a JSON array. {REMEDY} (jq -c '.[]' converts it.)"
        )
    rest = b""
    while chunk := content.read(CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            if line.strip():
                yield number, line if number > 1 else line.removeprefix(BOM), True
        if len(rest) > LONGEST_LINE_BYTES:
            raise SourceUnreadableError(
                f"Source file {name}: line {number + 1} is longer than {LONGEST_LINE_BYTES:,} "
                f"bytes. {REMEDY}"
            )
    if rest.strip():
        yield number + 1, rest if number else rest.removeprefix(BOM), False


def _decoded(line: bytes, number: int, name: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise SourceUnreadableError(
            f"Source file {name}: line {number} is not UTF-8 text. Expected UTF-8. Write the file "
            f"again in that encoding."
        ) from error


def _cut_short(number: int, name: str) -> CutShortError:
    return CutShortError(
        f"Source file {name}: the last line, line {number}, has no line break and is not a JSON "
        f"object. Expected a complete last line. Write the file again."
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError
    return found


def _row_name(numbers: Sequence[int], row: int) -> str:
    return f"line {numbers[row]}"


DECODE = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Literal, parse_int=Literal, parse_constant=Literal
).decode
