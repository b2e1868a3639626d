"""What the readers of typed files have in common: row names, blocks and the check of texts.

Why: Arrow reads text that is declared as UTF-8 without checking it.
Not here: the formats themselves (``parquet.py``, ``orc.py``, ``feather.py``).
"""

from collections.abc import Iterator, Mapping
from functools import partial

import pyarrow as pa

from pipelines.core.errors import SourceUnreadableError
from pipelines.stages.ingest.cast_errors import RowNames

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
                raise SourceUnreadableError(
                    f"Source file {file}: column {name} is not UTF-8 text in "
                    f"row {row + _first_invalid(chunk)} (the first is 0): {short(error)}. Expected "
                    f"UTF-8. Write the file again in that encoding."
                ) from error
            row += len(chunk)


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
