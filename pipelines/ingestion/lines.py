"""The lines of a CSV file: which one a row begins on, and what is wrong with a broken file.

Why: a person mends a file by its line numbers, and values may hold line breaks.
Promise: bounded memory; the slow walk over a file is made for messages and rejects only.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipelines.errors import SourceUnreadableError
from pipelines.ingestion.damage import PASSING, CutShortError

LARGEST_FIELD = 1 << 30
UNDECODABLE = "\ufffd"


class Watched(io.RawIOBase):
    """A stream that notes what the parser does not tell: quotation marks, and the last byte."""

    def __init__(self, stream: pa.NativeFile, name: str) -> None:
        super().__init__()
        self._stream, self._name = stream, name
        self._bytes = stream.size() if stream.seekable() else 0
        self._read = 0
        self.quotes, self.ends_with_newline = 0, True

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end.

        Raises:
            CutShortError: A gzip file ends in the middle.
            SourceUnreadableError: It cannot be decompressed.
        """
        try:
            content: bytes = self._stream.read(None if size < 0 else size)
        except PASSING:
            raise
        except OSError as error:
            cut = "truncated" in str(error).lower()
            raise (CutShortError if cut else SourceUnreadableError)(
                f"Source file {self._name} cannot be decompressed ({error}). Expected a whole "
                f"gzip file. Have it written again."
            ) from error
        self.quotes += content.count(b'"')
        self._read += len(content)
        if content:
            self.ends_with_newline = content.endswith((b"\n", b"\r"))
        return content

    def read_share(self) -> float:
        """How much of a plain file has been read, from 0 to 1; 0 of a compressed one."""
        return 0.0 if self._bytes == 0 else min(1.0, self._read / self._bytes)

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Read into a buffer, as ``io.BufferedReader`` asks for it."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def opened(path: Path, name: str) -> Iterator[Watched]:
    """The file's content, decompressed."""
    compression = "gzip" if path.suffix == ".gz" else None
    with pa.input_stream(str(path), compression=compression) as stream:
        yield Watched(stream, name)


@dataclass(frozen=True, slots=True)
class Lines:
    """A file's lines.

    Attributes:
        path: Where it lies on this machine.
        name: Its name in messages.
        delimiter: What stands between two fields.
    """

    path: Path
    name: str
    delimiter: str

    def header(self) -> list[str]:
        """Fields of the first line.

        Raises:
            CutShortError: There is none.
            SourceUnreadableError: It is no UTF-8.
        """
        _, fields = next(self._rows(), (0, []))
        if not fields:
            raise CutShortError(
                f"Source file {self.name} is empty. Expected at least a line with the column "
                f"names. Have it written again."
            )
        if any(UNDECODABLE in field for field in fields):
            raise SourceUnreadableError(
                f"Source file {self.name}: the column names in line 1 are no UTF-8 text. "
                f"Expected UTF-8. Have the file written again in that encoding."
            )
        return fields

    def starts(self, numbers: Sequence[int]) -> list[int]:
        """Line, from 1, on which each row begins; rows count from 1, header included, rising."""
        wanted, found = iter(numbers), []
        number = next(wanted, None)
        for place, (line, _) in enumerate(self._rows(), start=1):
            if number is None:
                break
            if place == number:
                found.append(line)
                number = next(wanted, None)
        return found

    def is_last_row(self, number: int) -> bool:
        """Whether no row follows the one of that number."""
        return not self.starts([number + 1])

    def require_whole(self, stream: Watched) -> None:
        """Raise unless every quotation mark that is opened is closed."""
        if stream.quotes % 2:
            last = max((line for line, _ in self._rows()), default=1)
            raise CutShortError(
                f"Source file {self.name}: a quotation mark is opened and not closed, by line "
                f"{last} at the latest. Expected each quoted value to end with one, and one "
                f"inside of a value to be doubled. Correct that line, or have the file written "
                f"again."
            )

    def diagnosed(self, stream: Watched, error: Exception) -> SourceUnreadableError:
        """Say on which line a file that the parser gave up on is wrong."""
        while stream.read(1 << 20):
            pass
        try:
            self.require_whole(stream)
        except CutShortError as unclosed:
            return unclosed
        for row, (line, fields) in enumerate(self._rows(), start=-1):
            if any(UNDECODABLE in field for field in fields):
                return SourceUnreadableError(
                    f"Source file {self.name}: line {line} (row {row}, the first is 0) is no "
                    f"UTF-8 text. Expected UTF-8. Have the file written again in that encoding."
                )
        return SourceUnreadableError(
            f"Source file {self.name} cannot be read as CSV "
            f"({' '.join(str(error).split())[:200]}). Expected values divided by "
            f"{self.delimiter!r}, with a line of names. Have it written again."
        )

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """First line, from 1, and fields of each row; an empty line is none."""
        csv.field_size_limit(LARGEST_FIELD)
        with opened(self.path, self.name) as stream:
            buffered = io.BufferedReader(stream, 1 << 16)
            text = io.TextIOWrapper(buffered, "utf-8-sig", errors="replace", newline="")
            reader, line = csv.reader(text, delimiter=self.delimiter), 1
            for fields in reader:
                if fields:
                    yield line, fields
                line = reader.line_num + 1
