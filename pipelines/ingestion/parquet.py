"""Reading one Parquet source file, with every way it can be broken told apart.

Why: pyarrow raises a ValueError for a truncated file and a plain OSError for a corrupt page,
    and reads invalid UTF-8 without a word.
Promise: what is returned is whole and decodes; only declared columns are read.
"""

import gzip
import io
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import SourceUnreadableError
from pipelines.ingestion.columns import match_columns
from pipelines.ingestion.damage import CutShortError
from pipelines.spec import Table

MAGIC = b"PAR1"


def read_parquet(path: Path, table: Table, name: str) -> pa.Table:
    """Declared columns of a file, under their declared names, in the file's own types.

    Raises:
        CutShortError: There is no footer: the file is empty, truncated, or no Parquet.
        SourceUnreadableError: Pages are corrupt, or text is no UTF-8.
        SchemaError: Declared columns are missing or ambiguous.
    """
    with _opened(path, name) as file:
        columns = match_columns(file.schema_arrow.names, table, name)
        try:
            read = file.read(columns=list(columns.values()))
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise SourceUnreadableError(
                f"Source file {name} is corrupt: its footer is fine and its pages are not "
                f"({_short(error)}). Expected readable pages. Have it written again."
            ) from error
    renamed = read.select(list(columns.values())).rename_columns(list(columns))
    for column in renamed.column_names:
        _require_utf8(renamed[column], f"Source file {name}: column {columns[column]}")
    return renamed


def _opened(path: Path, name: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(_seekable(path), page_checksum_verification=True)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, EOFError, zlib.error) as error:
        raise (CutShortError if _is_cut(path, error) else SourceUnreadableError)(
            f"Source file {name} ({path.stat().st_size:,} bytes) is truncated, empty or no "
            f"Parquet ({_short(error)}). Expected a whole Parquet file. Have it written again, "
            f"or declare the source's format."
        ) from error


def _seekable(path: Path) -> Any:
    return io.BytesIO(gzip.decompress(path.read_bytes())) if path.suffix == ".gz" else path


def _is_cut(path: Path, error: Exception) -> bool:
    """Whether the file may yet become Parquet: it begins as one, and its footer is not there."""
    if path.suffix == ".gz":
        return isinstance(error, EOFError)
    with path.open("rb") as file:
        begin = file.read(len(MAGIC))
        file.seek(-min(len(MAGIC), path.stat().st_size), io.SEEK_END)
        end = file.read()
    return MAGIC.startswith(begin) and (end != MAGIC or path.stat().st_size == len(MAGIC))


def _require_utf8(values: pa.ChunkedArray, where: str) -> None:
    """Check text that Parquet calls UTF-8 and nobody has looked at."""
    row = 0
    for chunk in values.chunks:
        try:
            chunk.validate(full=True)
        except pa.ArrowInvalid as error:
            bad = _first_invalid(chunk)
            raise SourceUnreadableError(
                f"{where} is no UTF-8 text in row {row + bad} (the first is 0): {_short(error)}. "
                f"Expected UTF-8. Have the file written again in that encoding."
            ) from error
        row += len(chunk)


def _first_invalid(chunk: pa.Array) -> int:
    """Place of the first value that does not decode, found by halving."""
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


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
