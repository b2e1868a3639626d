"""Read one sheet of an Excel source file (xlsx, xlsb, xls) or an OpenDocument one.

Why: a cell has a type of its own, and a column of codes mixes texts and numbers.
Promise: whole numbers keep their digits, up to the 15 that Excel itself keeps; the first row that is not
    empty has the names. A sheet is in memory as a whole: Excel's own limit is a million rows.

Cells with an error (``#N/A``) are empty, and so null.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from functools import partial
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError, SchemaError, SourceUnreadableError, listed
from pipelines.spec import Column
from pipelines.stages.ingest.columns import match_columns, undeclared
from pipelines.stages.ingest.damage import CutShortError
from pipelines.stages.ingest.formats.cells import Literal, texts_of
from pipelines.stages.ingest.formats.typed import short
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.values.cast_errors import RowNames

BLOCK_ROWS = 1 << 16
ZIP = b"PK\x03\x04"
# From here on a float does not represent every integer.
EXACT = 2**53


def read_excel(path: Path, read: Read) -> Iterator[tuple[pa.Table, RowNames]]:
    """Declared columns of a sheet, block by block, under their declared names.

    Yields:
        Rows, and a function that names one of them in messages.

    Raises:
        ConfigError: The library is not installed.
        CutShortError: The file is empty or truncated, or the sheet is empty.
        SourceUnreadableError: It is not a spreadsheet, is corrupt, or has a password.
        SchemaError: The sheet, or declared columns, are missing or ambiguous.
    """
    rows = _rows(path, read)
    header = next((row for row, _ in rows), None)
    if header is None:
        raise CutShortError(
            f"Source file {read.name}: the sheet is empty. Expected a row with the column names. "
            f"Have it written again, or declare source.sheet."
        )
    found = [_named(cell) for cell in header]
    columns = match_columns(found, read.table, read.name)
    read.extra = undeclared(found, columns)
    while block := list(islice(rows, BLOCK_ROWS)):
        names = partial(_row_name, [number for _, number in block])
        made = {}
        for column in read.table.columns:
            index = found.index(columns[column.name])
            made[column.name] = _column([row[index] for row, _ in block], column, read, names)
        yield pa.table(made), names


def _rows(path: Path, read: Read) -> Iterator[tuple[Sequence[Any], int]]:
    """The rows of the sheet that are not empty, with their numbers as Excel shows them."""
    library = _library(read)
    try:
        with path.open("rb") as source, library.load_workbook(source) as book:
            sheet = book.get_sheet_by_name(_sheet_name(book.sheet_names, read))
            for number, row in enumerate(sheet.iter_rows(), 1):
                if any(cell != "" for cell in row):
                    yield row, number
    except library.PasswordError as error:
        raise SourceUnreadableError(
            f"Source file {read.name} has a password. Expected a file without. Have it saved so."
        ) from error
    except library.CalamineError as error:
        raise _unreadable(path, read.name, error) from error


def _library(read: Read) -> ModuleType:
    try:
        import python_calamine
    except ImportError as error:
        raise ConfigError(
            f"Source file {read.name}: format 'excel' needs the package python-calamine, which is "
            f"not installed. Install it with: pip install 'millrace[excel]'."
        ) from error
    return python_calamine


def _sheet_name(found: Sequence[str], read: Read) -> str:
    wanted = read.table.files.sheet
    if not found:
        raise SourceUnreadableError(
            f"Source file {read.name} has no sheets. Expected one. Have it written again."
        )
    if wanted and wanted not in found:
        raise SchemaError(
            f"Source file {read.name}: no sheet {wanted!r}; the file has {listed(found, 20)}. "
            f"{nearest(wanted, found)} Correct source.sheet, or the file."
        )
    return wanted or found[0]


def _unreadable(path: Path, name: str, error: Exception) -> SourceUnreadableError:
    with path.open("rb") as file:
        begin = file.read(len(ZIP))
    # The directory of a zip archive, which newer spreadsheets are, is at its end.
    cut = ZIP.startswith(begin) and not _has_directory(path)
    return (CutShortError if cut else SourceUnreadableError)(
        f"Source file {name} ({path.stat().st_size:,} bytes) is truncated, empty, corrupt or not a "
        f"spreadsheet ({short(error)}). Expected a complete Excel file. Have it written again, or "
        f"declare the source's format."
    )


def _has_directory(path: Path) -> bool:
    from zipfile import is_zipfile

    return is_zipfile(path)


def _column(values: list[Any], column: Column, read: Read, names: RowNames) -> pa.ChunkedArray:
    cells = [_cell(value) for value in values]
    kinds = set(map(type, cells)) - {type(None)}
    if column.type == "timestamp" and kinds and kinds <= {datetime, date}:
        moments = [_moment(cell) for cell in cells]
        return pa.chunked_array([pa.array(moments, pa.timestamp("us"))])
    return texts_of(cells, column, read.name, names)


def _cell(value: object) -> object:
    """A cell's value; numbers, all of which are floats in a spreadsheet, as they are shown there."""
    if value == "":
        return None
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < EXACT
        return Literal(int(value) if whole else repr(value))
    return Literal(value) if type(value) is int else value


def _moment(value: object) -> object:
    """A time; a cell at midnight is read as a date."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value


def _named(cell: object) -> str:
    value = _cell(cell)
    return "" if value is None else str(value)


def _row_name(numbers: Sequence[int], row: int) -> str:
    return f"row {numbers[row]} of the sheet"
