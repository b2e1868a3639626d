"""Read one CSV source file, plain or compressed, with a distinct error for each kind of damage.

Why: a lenient reader fills ragged lines with nulls, and one stray quotation mark makes it read
    the rest of a file as a single value.
Promise: fast where the file is valid; where it is not, the line is named. A line with another
    number of fields than the first is rejected with its number and text, and so is a row
    whose quotation marks are wrong. An empty field is null, a quoted empty one (``""``) is
    empty text.
Not here: line numbers, and the error of a file that the parser cannot read
    (``pipelines/stages/ingest/formats/lines.py``); wrong quotation marks (``pipelines/stages/ingest/formats/quoting.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from pipelines.core.errors import SchemaError, SourceUnreadableError
from pipelines.core.masking import described
from pipelines.spec import Table
from pipelines.stages.ingest.columns import match_columns, may_be_data, undeclared
from pipelines.stages.ingest.damage import CutShortError
from pipelines.stages.ingest.formats.lines import Lines
from pipelines.stages.ingest.formats.quoting import Quoting, lines_in
from pipelines.stages.ingest.formats.stream import END, CsvStream, opened
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.rejects import (
    MAX_REJECTED_BYTES,
    Reject,
    require_few_bytes,
)
from pipelines.stages.ingest.values.cast_errors import RowNames

# A value may contain line breaks; a row longer than a block cannot be read.
BLOCK_BYTES = 16 << 20
DELIMITERS = ";,\t|"


@dataclass(slots=True)
class _Ragged:
    """Rows that the parser rejected, by their number among the rows, header included."""

    file: str
    rows: list[arrow_csv.InvalidRow] = field(default_factory=list)
    held_bytes: int = 0
    too_many: bool = False

    def __call__(self, row: arrow_csv.InvalidRow) -> str:
        self.rows.append(row)
        self.held_bytes += len(row.text)
        self.too_many = self.held_bytes > MAX_REJECTED_BYTES
        return "error" if self.too_many else "skip"


def read_delimited(path: Path, read: Read) -> Iterator[tuple[pa.Table, RowNames]]:
    """Declared columns of a file as text, block by block, under their declared names.

    Yields:
        Rows, and a function that names one of them in messages.

    Raises:
        CutShortError: The file is empty, or ends in the middle.
        SourceUnreadableError: It is not UTF-8, or not CSV.
        SchemaError: Declared columns are missing or ambiguous.
    """
    lines = Lines(path, read.name, read.table.files)
    found = lines.header()
    _require_delimiter(found, read)
    columns = match_columns(found, read.table, read.name)
    read.extra = undeclared(found, columns)
    taken = [found.index(own) for own in columns.values()]
    ragged, misquoted, number = _Ragged(read.name), list[Reject](), 2
    with opened(path, read.name) as stream:
        stream.expect(read.table.files, len(found))
        quoting = Quoting(lines, stream, found, *_event_time(found, columns, read.table))
        for batch in _without_end(_batches(stream, columns, found, ragged, lines), lines):
            numbers = _numbers(number, batch.num_rows, ragged)
            number = int(numbers[-1]) + 1 if len(numbers) else number
            wrong = quoting.rejects(batch, numbers)
            misquoted += [reject for _, reject in wrong]
            require_few_bytes(misquoted, read.name)
            good = np.delete(np.arange(batch.num_rows), [index for index, _ in wrong])
            rows = pa.Table.from_batches([batch.take(pa.array(good)) if wrong else batch])
            rows = rows.select(taken).rename_columns(list(columns))
            yield rows, partial(_row_name, lines, numbers[good])
            read.read_share = stream.read_share()
    rejected = _rejected(ragged, lines, ends_open=not stream.ends_with_newline)
    read.rejected = sorted([*rejected, *misquoted], key=lambda reject: reject.line)


def _require_delimiter(found: Sequence[str], read: Read) -> None:
    """Refuse a file of one column that another delimiter would make several."""
    wanted = {column.source_name or column.name for column in read.table.columns}
    others = [mark for mark in DELIMITERS if len(found) == 1 and mark in found[0]]
    if others and len(wanted) > 1:
        likely = max(others, key=found[0].count)
        names = found[0].split(likely)
        line = described(found[0]) if may_be_data(names, read.table) else repr(found[0][:200])
        raise SchemaError(
            f"Source file {read.name}: line 1 is a single name where fields are separated by "
            f"{read.table.files.delimiter!r}: {line}. Expected the names of "
            f"{len(wanted)} columns. Declare the delimiter of the file, which seems to be {likely!r}."
        )


def _event_time(
    found: Sequence[str], columns: Mapping[str, str], table: Table
) -> tuple[int | None, str]:
    """Index of the event time among a file's columns, and how it is written."""
    if table.event_time is None:
        return None, ""
    return found.index(columns[table.event_time]), table.column(table.event_time).time_format


def _batches(
    stream: CsvStream,
    columns: Mapping[str, str],
    found: Sequence[str],
    ragged: _Ragged,
    lines: Lines,
) -> Iterator[pa.RecordBatch]:
    source, used = lines.source, set(columns.values())
    # All columns are read: undeclared ones can contain stray quotation marks too. Those are read as
    # bytes, because they need not be text.
    types = {n: pa.string() if n in used else pa.binary() for n in found}
    names = list(found) if lines.is_header_trimmed(found) else None
    with _diagnosed(stream, ragged, lines):
        reader = arrow_csv.open_csv(
            stream,
            # Only a parser of one thread knows the number of a row.
            read_options=arrow_csv.ReadOptions(
                block_size=BLOCK_BYTES,
                use_threads=False,
                column_names=names,
                skip_rows=0 if names is None else 1,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=source.delimiter,
                escape_char=source.escape or False,
                newlines_in_values=True,
                invalid_row_handler=ragged,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=list(source.nulls),
            ),
        )
    while True:
        with _diagnosed(stream, ragged, lines):
            batch = next(reader, None)
        if batch is None:
            return
        yield batch


def _without_end(batches: Iterator[pa.RecordBatch], lines: Lines) -> Iterator[pa.RecordBatch]:
    """The blocks without the end marker row that the stream added.

    Raises:
        CutShortError: The marker is missing: the file ends inside of a quoted value.
    """
    held = None
    for batch in batches:
        if held is not None:
            yield held
        held = batch
    if held is None or not held.num_rows or held[0][-1].as_py() not in (END, END.encode()):
        raise lines.unclosed()
    yield held.slice(0, held.num_rows - 1)


def _numbers(first: int, rows: int, ragged: _Ragged) -> NDArray[np.int64]:
    """Number of each row of a block: rows that the parser rejected before it count too."""
    rejected = np.array([row.number for row in ragged.rows if row.number >= first], np.int64)
    every = np.arange(first, first + rows + len(rejected))
    return np.setdiff1d(every, rejected, assume_unique=True)[:rows]


@contextmanager
def _diagnosed(stream: CsvStream, ragged: _Ragged, lines: Lines) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, ValueError) as error:
        if ragged.too_many:
            raise SourceUnreadableError(
                f"Source file {ragged.file}: {len(ragged.rows):,} lines have another number of "
                f"fields than the first ({ragged.held_bytes:,} bytes of them). Expected "
                f"{ragged.rows[0].expected_columns} fields, separated by {lines.source.delimiter!r}. "
                f"Write the file again, or correct the declared delimiter."
            ) from error
        raise lines.diagnosed(stream, error) from error


def _rejected(ragged: _Ragged, lines: Lines, *, ends_open: bool) -> list[Reject]:
    """The rows that the parser rejected, with the numbers of their first lines.

    Raises:
        CutShortError: The last of them is the file's last line, without a line break.
    """
    numbers = [row.number for row in ragged.rows]
    starts = lines.starts(numbers)
    if ends_open and numbers and lines.is_last_row(numbers[-1]):
        row = ragged.rows[-1]
        raise CutShortError(
            f"Source file {ragged.file}: the last line, line {starts[-1]}, has "
            f"{row.actual_columns} of {row.expected_columns} fields and no line break. Expected "
            f"a complete last line. Write the file again."
        )
    return [
        Reject(line, row.actual_columns, row.expected_columns, row.text, lines_in(row.text))
        for line, row in zip(starts, ragged.rows, strict=True)
    ]


def _row_name(lines: Lines, numbers: NDArray[np.int64], row: int) -> str:
    return f"line {lines.starts([int(numbers[row])])[0]}"
