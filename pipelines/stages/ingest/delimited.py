"""Reading one CSV source file, plain or gzipped, with every way it can be broken told apart.

Why: a lenient reader fills ragged lines with nulls, and one stray quotation mark makes it
    swallow the rest of a file as a single value.
Promise: fast where the file is sound; where it is not, the line is named. A line with another
    number of fields than the first is kept apart with its number and text, and so is a row
    whose quotation marks are wrong. An empty field is null, a quoted empty one (``""``) is
    empty text.
Not here: how a line is numbered, and what is wrong with a file that was given up (``lines.py``);
    what is wrong with quotation marks (``quoting.py``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from pipelines.core.errors import SourceUnreadableError
from pipelines.stages.ingest.cast_errors import Place
from pipelines.stages.ingest.columns import match_columns, undeclared
from pipelines.stages.ingest.damage import CutShortError
from pipelines.stages.ingest.lines import Lines
from pipelines.stages.ingest.quoting import Quoting, lines_in
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.rejects import Reject, told
from pipelines.stages.ingest.stream import END, Watched, opened, require_text

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
    require_text(path, read.name)
    lines = Lines(path, read.name, read.table.source)
    found = lines.header()
    columns = match_columns(found, read.table, read.name)
    read.extra = undeclared(found, read.table)
    taken = [found.index(own) for own in columns.values()]
    ragged, kept_apart, number = _Ragged(read.name), list[Reject](), 2
    with opened(path, read.name) as stream:
        stream.expect(read.table.source, len(found))
        quoting = Quoting(lines, stream, found, found.index(columns[read.table.event_time]))
        for batch in _without_end(_batches(stream, read, found, ragged, lines), lines):
            numbers = _numbers(number, batch.num_rows, ragged)
            number = int(numbers[-1]) + 1 if len(numbers) else number
            wrong = quoting.rejects(batch, numbers)
            kept_apart += [reject for _, reject in wrong]
            _require_held(kept_apart, read.name)
            good = np.delete(np.arange(batch.num_rows), [place for place, _ in wrong])
            rows = pa.Table.from_batches([batch.take(pa.array(good)) if wrong else batch])
            rows = rows.select(taken).rename_columns(list(columns))
            yield rows, partial(_place, lines, numbers[good])
            read.read_share = stream.read_share()
    rejected = _rejected(ragged, lines, ends_open=not stream.ends_with_newline)
    read.rejected = sorted([*rejected, *kept_apart], key=lambda reject: reject.line)


def _batches(
    stream: Watched, read: Read, found: Sequence[str], ragged: _Ragged, lines: Lines
) -> Iterator[pa.RecordBatch]:
    source, declared = read.table.source, set(read.table.column_names())
    # Every column is read: what is not declared can swallow lines as well. As bytes, since nobody
    # promised that it is text.
    types = {n: pa.string() if n.lower() in declared else pa.binary() for n in found}
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
    """The blocks without the row that the stream added.

    Raises:
        CutShortError: It is not there: the file ends inside of a quoted value.
    """
    held = None
    for batch in batches:
        if held is not None:
            yield held
        held = batch
    if held is None or not held.num_rows or held[0][-1].as_py() not in (END, END.encode()):
        raise lines.unclosed()
    yield held.slice(0, held.num_rows - 1)


def _require_held(kept_apart: Sequence[Reject], name: str) -> None:
    held_bytes = sum(len(reject.text) for reject in kept_apart)
    if held_bytes > MAX_REJECTED_BYTES:
        raise SourceUnreadableError(
            f"Source file {name}: {told(kept_apart)} ({held_bytes:,} bytes of them). Expected a "
            f"few such lines at most. Correct the declared source, or have the file written again."
        )


def _numbers(first: int, rows: int, ragged: _Ragged) -> NDArray[np.int64]:
    """Number of each row of a block: rows that were handed back before it count too."""
    back = np.array([row.number for row in ragged.rows if row.number >= first], np.int64)
    every = np.arange(first, first + rows + len(back))
    return np.setdiff1d(every, back, assume_unique=True)[:rows]


@contextmanager
def _diagnosed(stream: Watched, ragged: _Ragged, lines: Lines) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, ValueError) as error:
        if ragged.too_many:
            raise SourceUnreadableError(
                f"Source file {ragged.file}: {len(ragged.rows):,} lines have another number of "
                f"fields than the first ({ragged.held_bytes:,} bytes of them). Expected "
                f"{ragged.rows[0].expected_columns} fields, divided by {lines.source.delimiter!r}. "
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
        Reject(line, row.actual_columns, row.expected_columns, row.text, lines_in(row.text))
        for line, row in zip(starts, ragged.rows, strict=True)
    ]


def _place(lines: Lines, numbers: NDArray[np.int64], row: int) -> str:
    return f"line {lines.starts([int(numbers[row])])[0]}"
