"""Reading one CSV source file, plain or gzipped, with every way it can be broken told apart.

Why: a lenient reader fills ragged lines with nulls, and one stray quotation mark makes it
    swallow the rest of a file as a single value.
Promise: fast where the file is sound; where it is not, the line is named. An empty field is
    null, a quoted empty one (``""``) is empty text.
"""

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv

from pipelines.errors import SourceUnreadableError, listed
from pipelines.ingestion.columns import match_columns
from pipelines.ingestion.damage import CutShortError
from pipelines.spec import Table

# A value may hold line breaks; a row longer than a block could not be read.
BLOCK_BYTES = 16 << 20
MAX_LISTED = 5


def read_delimited(path: Path, table: Table, name: str) -> tuple[pa.Table, bytes]:
    """Declared columns of a file as text, under their declared names, and the file's content.

    Raises:
        CutShortError: The file is empty, or ends in the middle.
        SourceUnreadableError: Lines are ragged, or no UTF-8.
        SchemaError: Declared columns are missing or ambiguous.
    """
    content = _content(path, name)
    columns = match_columns(_header(content, name), table, name)
    _require_closed_quotes(content, name)
    try:
        read = arrow_csv.read_csv(
            pa.BufferReader(content),
            read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(columns.values()),
                column_types=dict.fromkeys(columns.values(), pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        )
    except (pa.ArrowException, ValueError) as error:
        raise _diagnosed(content, name, error) from error
    return read.rename_columns(list(columns)), content


def line_of(content: bytes, row: int) -> int:
    """Line, from 1, on which the row of that 0-based place begins."""
    starts = (line for line, fields in _lines(content) if fields)
    return next(islice(starts, row + 1, None))


def _content(path: Path, name: str) -> bytes:
    try:
        compression = "gzip" if path.suffix == ".gz" else None
        with pa.input_stream(str(path), compression=compression) as stream:
            content = bytes(stream.read())
    except FileNotFoundError:
        raise
    except OSError as error:
        cut = "truncated" in str(error).lower()
        raise (CutShortError if cut else SourceUnreadableError)(
            f"Source file {name} cannot be decompressed ({error}). Expected a whole gzip file. "
            f"Have it written again."
        ) from error
    if not content.strip():
        raise CutShortError(
            f"Source file {name} is empty. Expected at least a line with the column names. "
            f"Have it written again."
        )
    return content


def _header(content: bytes, name: str) -> list[str]:
    for _, fields in _lines(content):
        if fields:
            break
    if any("\ufffd" in field for field in fields):
        raise SourceUnreadableError(
            f"Source file {name}: the column names in line 1 are no UTF-8 text. Expected UTF-8. "
            f"Have the file written again in that encoding."
        )
    return fields


def _require_closed_quotes(content: bytes, name: str) -> None:
    if content.count(b'"') % 2:
        last = max((line for line, _ in _lines(content)), default=1)
        raise CutShortError(
            f"Source file {name}: a quotation mark is opened and not closed, by line {last} at "
            f"the latest. Expected each quoted value to end with one, and one inside of a value "
            f"to be doubled. Correct that line, or have the file written again."
        )


def _diagnosed(content: bytes, name: str, error: Exception) -> SourceUnreadableError:
    """Say on which lines a file that pyarrow gave up on is wrong."""
    rows = [(line, fields) for line, fields in _lines(content) if fields]
    wanted = len(rows[0][1])
    ragged = [(line, len(fields)) for line, fields in rows if len(fields) != wanted]
    if ragged:
        shown = listed((f"line {line} ({n})" for line, n in ragged), MAX_LISTED)
        at_the_end = ragged == [(rows[-1][0], len(rows[-1][1]))] and content[-1:] != b"\n"
        return (CutShortError if at_the_end else SourceUnreadableError)(
            f"Source file {name}: {shown} of {len(rows)} lines have another number of fields. "
            f"Expected {wanted}, as in the first line. Correct those lines, quote values that "
            f"hold a comma, or have the file written again."
        )
    undecodable = [line for line, fields in rows if any("\ufffd" in f for f in fields)]
    if undecodable:
        row = next(place for place, (line, _) in enumerate(rows) if line == undecodable[0]) - 1
        return SourceUnreadableError(
            f"Source file {name}: line {undecodable[0]} (row {row}, the first is 0) is no UTF-8 "
            f"text. Expected UTF-8. Have the file written again in that encoding."
        )
    return SourceUnreadableError(
        f"Source file {name} cannot be read as CSV ({' '.join(str(error).split())[:200]}). "
        f"Expected comma-separated values with a line of names. Have it written again."
    )


def _lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each row's first line, from 1, and its fields; slow, so only for messages."""
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", errors="replace", newline="")
    reader, line = csv.reader(text), 1
    csv.field_size_limit(max(len(content), 1 << 17))
    for fields in reader:
        yield line, fields
        line = reader.line_num + 1
