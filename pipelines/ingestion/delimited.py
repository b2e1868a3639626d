"""Reading one CSV source file, plain or gzipped, with every way it can be broken told apart.

Why: a lenient reader fills ragged lines with nulls, and one stray quotation mark makes it
    swallow the rest of a file as a single value.
Promise: fast where the file is sound; where it is not, the line is named. A line with another
    number of fields than the first is kept apart with its number and text. An empty field is
    null, a quoted empty one (``""``) is empty text.
Not here: how a line is numbered, and what is wrong with a file that was given up (``lines.py``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv

from pipelines.errors import SourceUnreadableError
from pipelines.ingestion.columns import match_columns, undeclared
from pipelines.ingestion.damage import CutShortError
from pipelines.ingestion.lines import Lines, Watched, opened
from pipelines.ingestion.misfit import Place
from pipelines.ingestion.rows import Read, Reject

# A value may hold line breaks; a row longer than a block could not be read.
BLOCK_BYTES = 16 << 20
# Rejected lines are held until their file is read; so many of them are no CSV of that shape.
MAX_REJECTED_BYTES = 64 << 20


@dataclass(slots=True)
class _Ragged:
    """Rows that the parser handed back, by their number among the rows, header included."""

    file: str
    rows: list[arrow_csv.InvalidRow] = field(default_factory=list)
    held_bytes: int = 0
    too_many: bool = False

    def __call__(self, row: arrow_csv.InvalidRow) -> str:
        self.rows.append(row)
        self.held_bytes += len(row.text)
        self.too_many = self.held_bytes > MAX_REJECTED_BYTES
        return "error" if self.too_many else "skip"


def read_delimited(path: Path, read: Read) -> Iterator[tuple[pa.Table, Place]]:
    """Declared columns of a file as text, block by block, under their declared names.

    Yields:
        Rows, and how to name the place of one of them.

    Raises:
        CutShortError: The file is empty, or ends in the middle.
        SourceUnreadableError: It is no UTF-8, or no CSV.
        SchemaError: Declared columns are missing or ambiguous.
    """
    lines = Lines(path, read.name, read.table.source.delimiter)
    found = lines.header()
    columns = match_columns(found, read.table, read.name)
    read.extra = undeclared(found, read.table)
    ragged, first = _Ragged(read.name), 0
    with opened(path, read.name) as stream:
        for batch in _batches(stream, read, list(columns.values()), ragged, lines):
            rows = pa.Table.from_batches([batch]).rename_columns(list(columns))
            yield rows, partial(_place, lines, ragged, first)
            first += batch.num_rows
            read.read_share = stream.read_share()
        lines.require_whole(stream)
    read.rejected = _rejected(ragged, lines, ends_open=not stream.ends_with_newline)


def _batches(
    stream: Watched, read: Read, columns: list[str], ragged: _Ragged, lines: Lines
) -> Iterator[pa.RecordBatch]:
    with _diagnosed(stream, ragged, lines):
        reader = arrow_csv.open_csv(
            stream,
            # Only a parser of one thread knows the number of a row.
            read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=read.table.source.delimiter,
                newlines_in_values=True,
                invalid_row_handler=ragged,
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=columns,
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=list(read.table.source.nulls),
            ),
        )
    while True:
        with _diagnosed(stream, ragged, lines):
            batch = next(reader, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _diagnosed(stream: Watched, ragged: _Ragged, lines: Lines) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, ValueError) as error:
        if ragged.too_many:
            raise SourceUnreadableError(
                f"Source file {ragged.file}: {len(ragged.rows):,} lines have another number of "
                f"fields than the first ({ragged.held_bytes:,} bytes of them). Expected "
                f"{ragged.rows[0].expected_columns} fields, divided by {lines.delimiter!r}. "
                f"Have the file written again, or correct the declared delimiter."
            ) from error
        raise lines.diagnosed(stream, error) from error


def _rejected(ragged: _Ragged, lines: Lines, *, ends_open: bool) -> list[Reject]:
    """The rows handed back, with the lines that they begin on.

    Raises:
        CutShortError: The last of them is the file's last line, and it does not end.
    """
    numbers = [row.number for row in ragged.rows]
    starts = lines.starts(numbers)
    if ends_open and numbers and lines.is_last_row(numbers[-1]):
        row = ragged.rows[-1]
        raise CutShortError(
            f"Source file {ragged.file}: the last line, line {starts[-1]}, has "
            f"{row.actual_columns} of {row.expected_columns} fields and no line break. Expected "
            f"a whole last line. Have the file written again."
        )
    return [
        Reject(line, row.actual_columns, row.expected_columns, row.text)
        for line, row in zip(starts, ragged.rows, strict=True)
    ]


def _place(lines: Lines, ragged: _Ragged, first: int, row: int) -> str:
    """Line of a good row: rows that were handed back before it count too."""
    number = first + row + 2
    for rejected in ragged.rows:
        number += rejected.number <= number
    return f"line {lines.starts([number])[0]}"
