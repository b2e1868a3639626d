"""The byte stream of a CSV file to the parser, plain or decompressed.

Why: the parser does not report that the file ended inside of a quoted value, nor that text follows
    a closing quotation mark.
Promise: compression is detected by the content of a file, whatever its name; a row of ``END`` is
    added after the file's last row, and becomes part of a value that is never closed.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.core.errors import SourceUnreadableError
from pipelines.spec import Source
from pipelines.stages.ingest.damage import TRANSIENT, CutShortError

END = "MillraceEndOfFile"
QUOTE, LINE_ENDS = ord('"'), (ord("\n"), ord("\r"))
GZIP = b"\x1f\x8b"
FOREIGN = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"PAR1\x15": "Parquet",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"BZh9": "compressed by bzip2",
    b"\xfd7zXZ\x00": "compressed by xz",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


class CsvStream(io.RawIOBase):
    """A stream that counts quotation marks and adds an end marker row.

    Attributes:
        quotes: Number of quotation marks so far.
        inner_quotes: Those of them that are neither at the start nor at the end of a value.
        ends_with_newline: Whether the last byte of the file ends a line.
    """

    def __init__(self, stream: pa.NativeFile, name: str) -> None:
        super().__init__()
        self._stream, self._name = stream, name
        self._bytes = stream.size() if stream.seekable() else 0
        self._read, self._end = 0, b""
        self._tail, self._at_edge, self._escape = b"\n", np.zeros(256, bool), -1
        self.quotes, self.inner_quotes, self.ends_with_newline = 0, 0, True

    def expect(self, source: Source, fields: int) -> None:
        """Count quotation marks, and add an end marker row with that many fields."""
        self._end = source.delimiter.join([END] * fields).encode() + b"\n"
        self._at_edge[[ord(source.delimiter), QUOTE, *LINE_ENDS]] = True
        self._escape = -1 if source.escape is None else ord(source.escape)

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
        except TRANSIENT:
            raise
        except OSError as error:
            cut = "truncated" in str(error).lower()
            raise (CutShortError if cut else SourceUnreadableError)(
                f"Source file {self._name} cannot be decompressed ({error}). Expected a complete "
                f"gzip file. Have it written again."
            ) from error
        self._read += len(content)
        if content:
            self._count(content)
            return content
        last, self._end = self._end, b""
        return last if self.ends_with_newline or not last else b"\n" + last

    def _count(self, content: bytes) -> None:
        self.ends_with_newline = content.endswith((b"\n", b"\r"))
        quotes = content.count(b'"')
        self.quotes += quotes
        known = np.frombuffer(self._tail + content, np.uint8)
        if quotes or QUOTE in self._tail:
            at = np.flatnonzero(known[1:-1] == QUOTE) + 1
            before, after = known[at - 1], known[at + 1]
            inner = ~(self._at_edge[before] | self._at_edge[after]) & (before != self._escape)
            self.inner_quotes += int(np.count_nonzero(inner))
        self._tail = known[-2:].tobytes()

    def read_share(self) -> float:
        """Share of a plain file that has been read, from 0 to 1; 0 for a compressed one."""
        return 0.0 if self._bytes == 0 else min(1.0, self._read / self._bytes)

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Read into a buffer, for ``io.BufferedReader``."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def opened(path: Path, name: str) -> Iterator[CsvStream]:
    """The file's content, decompressed.

    Raises:
        SourceUnreadableError: It cannot be decompressed.
    """
    compression = "gzip" if is_gzipped(path) else None
    with pa.input_stream(str(path), compression=compression) as stream:
        yield CsvStream(stream, name)


def is_gzipped(path: Path) -> bool:
    """Whether a file is gzip by its first bytes; by its name where it has too few."""
    with path.open("rb") as file:
        begin = file.read(len(GZIP))
    return begin == GZIP or (len(begin) < len(GZIP) and path.suffix.lower() == ".gz")


def require_text(path: Path, name: str) -> None:
    """Refuse a file that is not text.

    Raises:
        SourceUnreadableError: Its first bytes are those of another format.
    """
    with path.open("rb") as file:
        begin = file.read(max(map(len, FOREIGN)))
    for magic, what in FOREIGN.items():
        if begin.startswith(magic):
            raise SourceUnreadableError(
                f"Source file {name} is {what}. Expected CSV in UTF-8, plain or gzipped. Have it "
                f"written so, or declare the source's format."
            )
