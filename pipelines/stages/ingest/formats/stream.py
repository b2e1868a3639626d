"""The byte stream of a CSV file to the parser.

Why: the parser does not report that the file ended inside of a quoted value, nor that text follows
    a closing quotation mark.
Promise: a row of ``END`` is added after the file's last row, and becomes part of a value that is never
    closed.
Not here: decompression (``compression.py``).
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pipelines.spec import Source
from pipelines.stages.ingest.formats.compression import Content, decompressed

END = "MillraceEndOfFile"
QUOTE, LINE_ENDS = ord('"'), (ord("\n"), ord("\r"))
WHOLE_BYTES = 1 << 20


class CsvStream(io.RawIOBase):
    """A stream that counts quotation marks and adds an end marker row.

    Attributes:
        quotes: Number of quotation marks so far.
        inner_quotes: Those of them that are neither at the start nor at the end of a value.
        ends_with_newline: Whether the last byte of the file ends a line.
    """

    def __init__(self, content: Content) -> None:
        super().__init__()
        self._content, self._end = content, b""
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
            CutShortError: A compressed file ends in the middle.
            SourceUnreadableError: It cannot be decompressed.
        """
        content = self._content.read(WHOLE_BYTES if size < 0 else size)
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
        return self._content.read_share()

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Read into a buffer, for ``io.BufferedReader``."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def opened(path: Path, name: str) -> Iterator[CsvStream]:
    """The file's content, decompressed.

    Raises:
        SourceUnreadableError: It cannot be decompressed, or is not text.
    """
    with decompressed(path, name) as content:
        yield CsvStream(content)
