"""The content of a text file, plain or compressed.

Why: files are compressed by whoever delivers them, and named as they like.
Promise: compression is detected by the first bytes of a file, whatever its name; a file that ends too
    early is distinguished from one that is corrupt.
Not here: what the text means (``formats/``).
"""

import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile, ZipFile, ZipInfo

import pyarrow as pa

from pipelines.core.errors import SourceUnreadableError, listed
from pipelines.stages.ingest.damage import TRANSIENT, CutShortError

KINDS = {
    "gzip": rb"\x1f\x8b",
    "zstd": rb"\x28\xb5\x2f\xfd",
    "bz2": rb"BZh[1-9](1AY&SY|\x17rE8P\x90)",
    "xz": rb"\xfd7zXZ\x00",
    "zip": rb"PK(\x03\x04|\x05\x06)",
}
FOREIGN = {
    "Parquet": rb"PAR1\x15",
    "ORC": rb"ORC[^\n]*\0",
    "Feather": rb"ARROW1\0|FEA1",
    "an old or an encrypted office document": rb"\xd0\xcf\x11\xe0",
    "a 7z archive": rb"7z\xbc\xaf",
    "a rar archive": rb"Rar!\x1a",
    "text in UTF-16": rb"\xff\xfe|\xfe\xff",
    "a tar archive": rb"(?s).{257}ustar",
    **{f"compressed by {kind} once more": magic for kind, magic in KINDS.items()},
}
HEAD_BYTES, SHORTEST = 512, 2
DAMAGE = (OSError, EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, BadZipFile)
MACOS = "__MACOSX/"
ENCRYPTED = 1
# How the parts of a compressed file that ends too early are reported by their libraries.
CUT = ("truncated", "ended before the end-of-stream", "unexpected end", "eof")


class Bytes(Protocol):
    """What can be read: a file of Python's or of Arrow's."""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many of the next bytes; empty at the end."""


class Content:
    """The decompressed bytes of a file, in order."""

    def __init__(self, stream: Bytes, name: str, kind: str, stored_bytes: int = 0) -> None:
        self._stream, self._name, self._kind = stream, name, kind
        self._bytes, self._read, self._head = stored_bytes, 0, b""

    def read(self, size: int) -> bytes:
        """The next bytes; empty at the end.

        Raises:
            CutShortError: A compressed file ends in the middle.
            SourceUnreadableError: It cannot be decompressed.
        """
        if self._head:
            content, self._head = self._head[:size], self._head[size:]
        else:
            content = self._next(size)
        self._read += len(content)
        return content

    def head(self) -> bytes:
        """The first bytes, which are read again afterwards."""
        while len(self._head) < HEAD_BYTES and (more := self._next(HEAD_BYTES)):
            self._head += more
        return self._head

    def read_share(self) -> float:
        """Share of a plain file that has been read, from 0 to 1; 0 for a compressed one."""
        return 0.0 if self._bytes == 0 else min(1.0, self._read / self._bytes)

    def _next(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except TRANSIENT:
            raise
        except DAMAGE as error:
            raise self._damage(error) from error

    def _damage(self, error: Exception) -> SourceUnreadableError:
        text = str(error).lower()
        cut = isinstance(error, EOFError) or any(sign in text for sign in CUT)
        return (CutShortError if cut else SourceUnreadableError)(
            f"Source file {self._name} cannot be decompressed ({error}). Expected a complete "
            f"{self._kind} file. Have it written again."
        )


@contextmanager
def decompressed(path: Path, name: str) -> Iterator[Content]:
    """The content of a text file.

    Raises:
        CutShortError: A zip archive has no directory, as one that is still being copied.
        SourceUnreadableError: It is not text, or not one file.
    """
    kind = kind_of(path)
    with _OPEN[kind](path, name) as stream:
        size = path.stat().st_size if kind == "plain" else 0
        content = Content(stream, name, kind, size)
        _require_text(content.head(), name)
        yield content


def kind_of(path: Path) -> str:
    """The compression of a file by its first bytes, ``plain`` where there is none."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if len(head) < SHORTEST:
        return "gzip" if path.suffix.lower() == ".gz" else "plain"
    return _first(KINDS, head) or "plain"


def _require_text(head: bytes, name: str) -> None:
    found = _first(FOREIGN, head)
    if found:
        raise SourceUnreadableError(
            f"Source file {name} is {found}. Expected text in UTF-8, plain or compressed by gzip, "
            f"zstd, bzip2 or xz, or one such file in a zip archive. Have it written so, or declare "
            f"the source's format."
        )


def _first(magics: Mapping[str, bytes], head: bytes) -> str:
    """The first of these that a file begins as; empty for none."""
    return next((what for what, magic in magics.items() if re.match(magic, head)), "")


@contextmanager
def _by_arrow(path: Path, kind: str | None) -> Iterator[Bytes]:
    with pa.input_stream(str(path), compression=kind) as stream:
        yield stream


@contextmanager
def _by_lzma(path: Path, _name: str) -> Iterator[Bytes]:
    with lzma.open(path) as stream:
        yield stream


@contextmanager
def _from_zip(path: Path, name: str) -> Iterator[Bytes]:
    try:
        with ZipFile(path) as archive, archive.open(_only_file(archive, name)) as stream:
            yield stream
    except BadZipFile as error:
        raise CutShortError(
            f"Source file {name} is a zip archive that is truncated or corrupt ({error}). Expected "
            f"a complete one. Have it written again."
        ) from error
    except NotImplementedError as error:
        raise SourceUnreadableError(
            f"Source file {name} is a zip archive that cannot be read ({error}). Expected one whose "
            f"file is stored or deflated. Have it written so."
        ) from error


def _only_file(archive: ZipFile, name: str) -> ZipInfo:
    every = [file for file in archive.infolist() if not _is_extra(file)]
    names = [file.filename for file in every]
    if "[Content_Types].xml" in names:
        raise SourceUnreadableError(
            f"Source file {name} is a spreadsheet or another office document. Expected text. "
            f"Declare the source's format as 'excel', or have it written as text."
        )
    if len(every) != 1:
        raise SourceUnreadableError(
            f"Source file {name} is a zip archive of {len(every)} files ({listed(names)}). Expected "
            f"one. Have each file delivered by itself; a path with * reads several."
        )
    if every[0].flag_bits & ENCRYPTED:
        raise SourceUnreadableError(
            f"Source file {name} is an encrypted zip archive. Expected one that opens without a "
            f"password. Have it delivered decrypted."
        )
    return every[0]


def _is_extra(file: ZipInfo) -> bool:
    """Whether an entry is not a file of the source: a folder, or what macOS adds."""
    return (
        file.is_dir() or file.filename.startswith(MACOS) or file.filename.endswith(".DS_Store")
    )


_OPEN: dict[str, Callable[[Path, str], AbstractContextManager[Bytes]]] = {
    "plain": lambda path, _name: _by_arrow(path, None),
    "gzip": lambda path, _name: _by_arrow(path, "gzip"),
    "zstd": lambda path, _name: _by_arrow(path, "zstd"),
    "bz2": lambda path, _name: _by_arrow(path, "bz2"),
    "xz": _by_lzma,
    "zip": _from_zip,
}
