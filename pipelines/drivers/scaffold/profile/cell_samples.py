"""Read a bounded sample of JSON lines and of spreadsheets, as texts.

Promise: a value is the text that ingest makes of it; columns with nested values are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.core.errors import SchemaError, SourceUnreadableError
from pipelines.drivers.scaffold.profile.delimited_sample import first_bytes
from pipelines.spec import Column
from pipelines.stages.ingest.formats.cells import texts_of
from pipelines.stages.ingest.formats.json_lines import DECODE
from pipelines.stages.ingest.formats.stream import opened

MOST_BYTES = 24 << 20


@dataclass(frozen=True, slots=True)
class FilePart:
    """The sample of one file: its rows, and the number of rows of the file."""

    rows: pa.Table
    total: int


def json_sample(path: Path, most: int) -> FilePart:
    """The first objects of a file with an object a line.

    Raises:
        SourceUnreadableError: A line is not an object.
    """
    with opened(path, path.name) as stream:
        content = first_bytes(stream, MOST_BYTES).removeprefix(b"\xef\xbb\xbf")
    lines = [line for line in content.split(b"\n") if line.strip()]
    objects = [_object(line, path.name) for line in lines[:most]]
    names = list(dict.fromkeys(name for each in objects for name in each))
    columns = {name: [each.get(name) for each in objects] for name in names}
    return FilePart(_texts(columns, path.name), len(lines))


def excel_sample(path: Path, most: int) -> FilePart:
    """The first rows of the first sheet.

    Raises:
        SourceUnreadableError: It is empty, or not a spreadsheet.
    """
    import python_calamine

    try:
        sheet = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    except python_calamine.CalamineError as error:
        raise SourceUnreadableError(f"Source file {path.name}: {error}") from error
    rows = [row for row in sheet.to_python() if any(cell != "" for cell in row)]
    if not rows:
        raise SourceUnreadableError(f"Source file {path.name} has an empty first sheet")
    header, *body = rows
    named = {str(name): n for n, name in enumerate(header) if str(name).strip()}
    columns = {name: [_cell(row[n]) for row in body[:most]] for name, n in named.items()}
    return FilePart(_texts(columns, path.name), len(body))


def _object(line: bytes, name: str) -> Mapping[str, Any]:
    try:
        found = DECODE(line.decode())
    except ValueError as error:
        raise SourceUnreadableError(
            f"Source file {name} is not JSON lines ({error})"
        ) from error
    if not isinstance(found, dict):
        raise SourceUnreadableError(f"Source file {name} is not JSON lines: {str(found)[:60]}")
    return found


def _texts(columns: Mapping[str, Sequence[Any]], name: str) -> pa.Table:
    made = {}
    for header, values in columns.items():
        try:
            made[header] = texts_of(values, Column(header, "number"), name, str)
        except SchemaError:  # nested values have no like in a declaration
            continue
    return pa.table(made)


def _cell(value: object) -> object:
    """A cell as a text, where it is not empty: whole numbers without a point."""
    written = WRITTEN.get(type(value))
    return None if value == "" else value if written is None else written(value)


WRITTEN: Mapping[type, Callable[[Any], str]] = {
    float: lambda value: str(int(value)) if value.is_integer() else repr(value),
    int: str,
    datetime: lambda value: value.isoformat(" "),
    date: date.isoformat,
}
