"""What the readers of typed files have in common: blocks, row names, the check of texts, damage.

Why: Arrow reads text that is declared as UTF-8 without checking it.
Not here: the formats themselves (``parquet.py``, ``orc.py``, ``feather.py``).
"""

import io
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa

from pipelines.core.errors import SourceUnreadableError
from pipelines.stages.ingest.damage import CutShortError
from pipelines.stages.ingest.values.cast_errors import RowNames

BLOCK_ROWS = 1 << 17


def row_name(first: int, row: int) -> str:
    """Name of a row of a block that begins with that row of the file."""
    return f"row {first + row} (the first is 0)"


def blocks_of(
    rows: pa.Table, columns: Mapping[str, str], file: str, first: int
) -> Iterator[tuple[pa.Table, RowNames]]:
    """Rows that were read together, in blocks, under their declared names.

    Raises:
        SourceUnreadableError: Text is not UTF-8.
    """
    named = rows.select(list(columns.values())).rename_columns(list(columns))
    for start in range(0, named.num_rows, BLOCK_ROWS):
        block = named.slice(start, BLOCK_ROWS)
        require_utf8(block, file, first + start)
        yield block, partial(row_name, first + start)


def require_utf8(rows: pa.Table, file: str, first: int) -> None:
    """Check text that a format declares as UTF-8 without checking it.

    Raises:
        SourceUnreadableError: Text is not UTF-8.
    """
    for name in rows.column_names:
        row = first
        for chunk in rows[name].chunks:
            try:
                chunk.validate(full=True)
            except pa.ArrowInvalid as error:
                raise _invalid(
                    chunk, f"Source file {file}: column {name}", row, error
                ) from error
            row += len(chunk)


def _invalid(
    chunk: pa.Array, where: str, first: int, error: pa.ArrowInvalid
) -> SourceUnreadableError:
    row = f"row {first + _first_invalid(chunk)} (the first is 0): {short(error)}"
    if "UTF8" not in str(error):
        return SourceUnreadableError(
            f"{where} is corrupt in {row}. Expected readable values. Have the file written again."
        )
    return SourceUnreadableError(
        f"{where} is not UTF-8 text in {row}. Expected UTF-8. Write the file again in that "
        f"encoding."
    )


def not_of_format(
    path: Path, name: str, kind: str, error: Exception, magic: bytes, after: int = 0
) -> SourceUnreadableError:
    """The error of a file that cannot be opened: cut short where it begins as the format, without its end.

    Args:
        path: The file.
        name: Its name in messages.
        kind: The format.
        error: What its reader reported.
        magic: The bytes with which the format begins and ends.
        after: Number of bytes after those at the end.
    """
    cut = is_cut(path, magic, after)
    return (CutShortError if cut else SourceUnreadableError)(
        f"Source file {name} ({path.stat().st_size:,} bytes) is truncated, empty or not {kind} "
        f"({short(error)}). Expected a complete file of that format. Have it written again, or "
        f"declare the source's format."
    )


def is_cut(path: Path, magic: bytes, after: int = 0) -> bool:
    """Whether a file may be incomplete: it begins as its format, and the end is missing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = file.read(len(magic))
        file.seek(-min(len(magic) + after, size), io.SEEK_END)
        end = file.read(len(magic))
    return magic.startswith(begin) and (end != magic or size <= len(magic) + after)


def _first_invalid(chunk: pa.Array) -> int:
    """Index of the first value that does not decode, found by bisection."""
    start, length = 0, len(chunk)
    while length > 1:
        half = length // 2
        try:
            chunk.slice(start, half).validate(full=True)
        except pa.ArrowInvalid:
            length = half
        else:
            start, length = start + half, length - half
    return start


def short(error: BaseException) -> str:
    """An error of a library as one line of bounded length."""
    return " ".join(str(error).split())[:200].rstrip(".")
