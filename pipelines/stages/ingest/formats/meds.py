"""Read one file of a MEDS dataset: its timed rows, or one row for each of its subjects.

Why: rows of the standard have no id, static facts have no time, and a subject's facts are spread over rows.
Promise: a row's id follows from its content, not from its file or its position there; at most a block of rows,
    and the rows of one subject, are in memory.
Not here: the standard's columns (``meds_schema.py``), what a static table has of a subject (``meds_subjects.py``).
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.core.errors import SchemaError
from pipelines.operators.hashing import check_words, mix
from pipelines.stages.ingest.columns import match_columns, undeclared
from pipelines.stages.ingest.formats.meds_schema import (
    CODE,
    NUMBER,
    OPTIONAL,
    STANDARD,
    SUBJECT,
    TEXT,
    TIME,
    require_standard,
    with_optional,
)
from pipelines.stages.ingest.formats.meds_subjects import subject_rows
from pipelines.stages.ingest.formats.parquet import batches, opened
from pipelines.stages.ingest.formats.typed import require_utf8, row_name
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.values.cast_errors import RowNames

EVENT_ID, REPEAT = MADE = ("event_id", "repeat")
NO_TIME = np.iinfo(np.int64).min


def read_meds(path: Path, read: Read) -> Iterator[tuple[pa.Table, RowNames]]:
    """Declared columns of a file: of its rows that have a time, or of its subjects in a static table.

    Yields:
        Rows, and a function that names one of them in messages.

    Raises:
        CutShortError: There is no footer: the file is empty, truncated, or not Parquet.
        SourceUnreadableError: Pages are corrupt, or text is not UTF-8.
        SchemaError: It is not a file of such a dataset, or declared columns are missing.
    """
    is_static = read.table.event_time is None
    with opened(path, read.name) as file:
        schema = file.schema_arrow
        require_standard(schema, read.name)
        columns = {} if is_static else _columns(schema, read)
        wanted = [*STANDARD, *columns.values()]
        names = [name for name in dict.fromkeys(wanted) if name in schema.names]
        first = 0
        for rows in _whole_subjects(batches(file, names, read.name), read.name):
            require_utf8(rows, read.name, first)
            whole = with_optional(rows)
            yield (
                subject_rows(whole, read, first) if is_static else _timed(whole, columns, first)
            )
            first += rows.num_rows
            read.read_share = first / max(file.metadata.num_rows, 1)


def event_ids(rows: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids of the rows of whole subjects, from 0 on, and the number of each among equal rows, from 1.

    An id follows from the columns of the standard and that number. The ids of two different rows are equal with
    a chance of 1 in 2**63: of a hundred million rows in a partition, some are with a chance of 0.0005, and go
    to quarantine.
    """
    numbers = rows[NUMBER].cast(pa.float64())
    known = pc.is_valid(numbers).to_numpy()
    content = np.zeros(rows.num_rows, np.uint64)
    for part in (
        rows[SUBJECT].cast(pa.int64()).to_numpy().view(np.uint64),
        _micros(rows[TIME]).view(np.uint64),
        _word_hashes(rows[CODE]),
        np.where(known, numbers.to_numpy(), 0.0).view(np.uint64),
        known.astype(np.uint64),
        _word_hashes(rows[TEXT]),
    ):
        content = mix(np, content ^ part)
    repeat = _repeats(content)
    ids = mix(np, content ^ repeat.view(np.uint64))
    return (ids >> np.uint64(1)).view(np.int64), repeat


def _repeats(content: NDArray[np.uint64]) -> NDArray[np.int64]:
    order = np.argsort(content, kind="stable")
    ordered = content[order]
    found = np.empty(len(content), np.int64)
    found[order] = np.arange(len(content)) - np.searchsorted(ordered, ordered) + 1
    return found


def _timed(rows: pa.Table, columns: dict[str, str], first: int) -> tuple[pa.Table, RowNames]:
    ids, repeat = event_ids(rows)
    made = rows.append_column(EVENT_ID, pa.array(ids)).append_column(REPEAT, pa.array(repeat))
    timed = np.flatnonzero(pc.is_valid(rows[TIME]).to_numpy())
    own = made.take(timed).select(list(columns.values())).rename_columns(list(columns))
    return own, partial(_row_name, timed + first)


def _row_name(numbers: NDArray[np.int64], row: int) -> str:
    return row_name(0, int(numbers[row]))


def _columns(schema: pa.Schema, read: Read) -> dict[str, str]:
    """Name in the dataset of each declared column."""
    found = [name for name in schema.names if name not in MADE]
    found += [name for name in OPTIONAL if name not in found]
    columns = match_columns([*found, *MADE], read.table, read.name)
    read.extra = undeclared([n for n in schema.names if n not in STANDARD], columns)
    return columns


def _whole_subjects(blocks: Iterator[pa.RecordBatch], name: str) -> Iterator[pa.Table]:
    """The rows of a file in blocks that have all rows of each of their subjects.

    Raises:
        SchemaError: A row has no subject, or a subject's rows are not together.
    """
    seen, held, first = set[int](), list[pa.Table](), 0
    for batch in blocks:
        rows = pa.Table.from_batches([batch])
        if not rows.num_rows:
            continue
        _require_subjects(rows[SUBJECT], name, first)
        first += rows.num_rows
        subjects = rows[SUBJECT].cast(pa.int64()).to_numpy()
        starts = np.append(0, np.flatnonzero(np.diff(subjects)) + 1)
        if held and subjects[0] == held[-1][SUBJECT][-1].as_py():
            starts = starts[1:]
        _require_together(subjects[starts], seen, name)
        if len(starts):
            # Before the last subject that begins here, all are whole.
            yield from _unless_empty(pa.concat_tables([*held, rows.slice(0, int(starts[-1]))]))
            held, rows = [], rows.slice(int(starts[-1]))
        held.append(rows)
    if held:
        yield pa.concat_tables(held)


def _unless_empty(rows: pa.Table) -> Iterator[pa.Table]:
    if rows.num_rows:
        yield rows


def _require_subjects(subjects: pa.ChunkedArray, name: str, first: int) -> None:
    if not subjects.null_count:
        return
    row = int(np.argmin(pc.is_valid(subjects).to_numpy()))
    raise SchemaError(
        f"Source file {name}: {row_name(first, row)} has no subject_id, which a MEDS dataset always has. "
        f"Convert the source anew."
    )


def _require_together(subjects: NDArray[np.int64], seen: set[int], name: str) -> None:
    for subject in subjects.tolist():
        if subject in seen:
            raise SchemaError(
                f"Source file {name}: the rows of a subject are apart from one another, and a MEDS dataset has "
                f"them together, by time. Sort the file by subject_id and time, or convert the source anew."
            )
        seen.add(subject)


def _micros(times: pa.ChunkedArray) -> NDArray[np.int64]:
    whole = times.cast(pa.timestamp("us", times.type.tz), safe=False).cast(pa.int64())
    micros: NDArray[np.int64] = pc.fill_null(whole, NO_TIME).to_numpy()
    return np.ascontiguousarray(micros)


def _word_hashes(words: pa.ChunkedArray) -> NDArray[np.uint64]:
    """A hash of each text; 0 for null."""
    coded = words.combine_chunks().dictionary_encode()
    hashes = np.append(check_words(coded.dictionary), np.uint64(0)).astype(np.uint64)
    at = pc.fill_null(coded.indices, len(coded.dictionary)).to_numpy()
    return hashes[at]
