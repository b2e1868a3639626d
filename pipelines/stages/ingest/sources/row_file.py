"""Blocks of rows in one temporary file, each with the types that its own values have.

Why: SQLite may store integers in the first block of a column and texts in the next; a Parquet file has
    one type a column.
Promise: the same rows give the same bytes, so that the file's digest is that of the rows.
Not here: what is written (``row_blocks.py``).

The file is a line of JSON with the names of all columns, then for each block its length (8 bytes) and
an Arrow IPC stream.
"""

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

_LENGTH = struct.Struct("<Q")


def write_rows(
    path: Path, columns: Sequence[str], blocks: Iterable[pa.Table]
) -> tuple[str, int]:
    """Write blocks of rows.

    Returns:
        The digest of the file, and its number of rows.
    """
    sha, rows = hashlib.sha256(), 0
    with path.open("wb") as file:

        def add(content: "bytes | pa.Buffer") -> None:
            sha.update(content)
            file.write(content)

        add(json.dumps(list(columns)).encode() + b"\n")
        for block in blocks:
            content = _serialized(block)
            add(_LENGTH.pack(content.size))
            add(content)
            rows += block.num_rows
    return sha.hexdigest(), rows


def read_columns(path: Path) -> list[str]:
    """Names of all columns of the source, also of those that are not in the blocks."""
    with path.open("rb") as file:
        return _header(file)


def read_rows(path: Path) -> Iterator[pa.Table]:
    """The blocks of a file."""
    with path.open("rb") as file:
        _header(file)
        while length := file.read(_LENGTH.size):
            content = file.read(_LENGTH.unpack(length)[0])
            yield pa.ipc.open_stream(pa.py_buffer(content)).read_all()


def _serialized(block: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, block.schema) as stream:
        stream.write_table(block)
    return sink.getvalue()


def _header(file: BinaryIO) -> list[str]:
    return list(json.loads(file.readline()))
