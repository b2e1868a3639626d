"""History files: a day's rows by entity, so that a window task reads one bucket of many days.

Why: trailing windows span weeks; with row group b holding bucket b in every file, a window task
    reads its bucket and nothing else, without a shuffle.
Promise: row group b of ``history-<entity>.parquet`` holds exactly the rows whose entity hashes
    to bucket b, sorted by row id, which breaks ties of time; an empty bucket is an empty row
    group. A row whose entity is null has no history and is omitted. A text is stored as its
    64-bit hash, which is the same on every day without a dictionary shared by all days; of an
    entity that is a text, a second hash distinguishes those whose first is the same.
Not here: windows (``pipelines/stages/featurize/``), reading to a GPU (``reading.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.errors import PermanentError
from pipelines.core.masking import described
from pipelines.operators.hashing import check_words, hash_words
from pipelines.shared.tables.hashing import bucket_of
from pipelines.shared.tables.schema import parquet_options
from pipelines.shared.tables.versions import Versions
from pipelines.spec import Column, Entity, Pipeline

# A declared column starts with a letter, so none can collide with these.
ENTITY, TIME_S, POSITION, ROW_ID = "_entity", "_time_s", "_position", "_row_id"
CHECK = "_check"
KNOWN, UNTIL = "_known_day", "_until_day"
MICROSECONDS = 1_000_000
HISTORY_TYPES = ("integer", "number", "flag", "text")


def history_name(entity: str) -> str:
    """File name of an entity's history."""
    return f"history-{entity}.parquet"


def entities_with_history(pipeline: Pipeline) -> tuple[Entity, ...]:
    """The entities whose rows windows look back on; none of a static table."""
    return pipeline.entities if pipeline.table.event_time is not None else ()


def history_columns(pipeline: Pipeline, entity: str) -> tuple[Column, ...]:
    """Declared columns that an entity's history contains under their own names."""
    table = pipeline.table
    named = {table.id_column, table.time_column, pipeline.entity(entity).key}
    return tuple(c for c in table.columns if c.type in HISTORY_TYPES and c.name not in named)


@dataclass(frozen=True, slots=True)
class HistoryPart:
    """Consecutive rows of a day, as an entity's history contains them.

    Attributes:
        rows: Ordered by bucket, and within a bucket as in the day; with the row id.
        ends: Index after the last row of each bucket, shape ``(n_buckets,)``.
    """

    rows: pa.Table
    ends: NDArray[np.int64]


def history_part(
    table: pa.Table, pipeline: Pipeline, entity: str, first_position: int = 0
) -> HistoryPart:
    """Order consecutive rows of a day by bucket.

    Args:
        table: Consecutive good rows of a day.
        pipeline: Declares entities, columns and the number of buckets.
        entity: Name of the entity.
        first_position: Number of good rows of the day before them.
    """
    rows = _history(table, pipeline, entity, first_position)
    # As NumPy, because entity is int64 without nulls here.
    bucket = bucket_of(rows[ENTITY].to_numpy(), pipeline.buckets)
    # NumPy sorts 16 bits by radix, five times as fast as 64.
    narrow = bucket.astype(np.uint16) if pipeline.buckets <= 1 << 16 else bucket
    ends = np.cumsum(np.bincount(bucket, minlength=pipeline.buckets))
    return HistoryPart(rows.take(np.argsort(narrow, kind="stable")), ends)


def write_history(
    parts: Sequence[HistoryPart],
    pipeline: Pipeline,
    path: Path,
    versions: Versions | None = None,
) -> None:
    """Write a day from its parts, in order; one bucket is in memory at a time.

    With known times, ``versions`` has the known day of each of the day's good rows.
    """
    schema = _finished(parts[0].rows.slice(0, 0), versions).schema
    options = parquet_options(schema, few=_dictionary_columns(pipeline, schema))
    with pq.ParquetWriter(path, schema, **options) as writer:
        for bucket in range(len(parts[0].ends)):
            rows = pa.concat_tables(_bucket_of_part(part, bucket) for part in parts)
            rows = _finished(rows, versions)
            # Without an explicit size, a table of more than 1,048,576 rows would become two
            # row groups and shift every later bucket.
            writer.write_table(rows, max(rows.num_rows, 1))


def _finished(rows: pa.Table, versions: Versions | None) -> pa.Table:
    """Rows in the order of their ids, with the days on which each was known."""
    rows = in_row_order(rows, ROW_ID).drop_columns([ROW_ID])
    if versions is None:
        return rows
    position = rows[POSITION].to_numpy()
    known, until = versions.known[position], versions.until[position]
    return rows.append_column(KNOWN, pa.array(known)).append_column(UNTIL, pa.array(until))


def _bucket_of_part(part: HistoryPart, bucket: int) -> pa.Table:
    start = int(part.ends[bucket - 1]) if bucket else 0
    return part.rows.slice(start, int(part.ends[bucket]) - start)


def scaled(values: pa.ChunkedArray, decimals: int) -> pa.ChunkedArray:
    """Numbers as integer multiples of ``10**-decimals``; NaN counts as null."""
    known = pc.if_else(pc.is_nan(values), None, values)
    return pc.round(pc.multiply(known, float(10**decimals))).cast(pa.int64())


def _history(table: pa.Table, pipeline: Pipeline, entity: str, first: int) -> pa.Table:
    time_us = table[pipeline.table.time_column].cast(pa.int64()).to_numpy()
    columns = _entity(table[pipeline.entity(entity).key])
    columns[TIME_S] = pa.array(time_us // MICROSECONDS)
    for column in history_columns(pipeline, entity):
        columns[column.name] = _stored(table[column.name], column)
    columns[POSITION] = pa.array(np.arange(first, first + table.num_rows, dtype=np.int32))
    columns[ROW_ID] = table[pipeline.table.id_column]
    return pa.table(columns).filter(pc.is_valid(columns[ENTITY]))


def _entity(values: pa.ChunkedArray) -> dict[str, pa.ChunkedArray | pa.Array]:
    """What a history has of an entity: the integer itself, or two hashes of a text."""
    if not pa.types.is_string(values.type):
        return {ENTITY: values}
    coded = values.combine_chunks().dictionary_encode()
    hashes = {ENTITY: hash_words, CHECK: check_words}
    return {name: _of_words(coded, of(coded.dictionary)) for name, of in hashes.items()}


def _stored(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray | pa.Array:
    if column.type == "text":
        return hashed(values, column.name)
    return values if column.decimals is None else scaled(values, column.decimals)


def hashed(words: pa.ChunkedArray, column: str) -> pa.Array:
    """Each text's hash, its bits as int64, null for null: one hash per distinct text.

    Raises:
        PermanentError: Two texts have the same hash, so that windows could not distinguish them.
    """
    coded = words.combine_chunks().dictionary_encode()
    hashes = hash_words(coded.dictionary)
    _require_distinct(hashes, coded.dictionary, column)
    return _of_words(coded, hashes)


def _of_words(coded: pa.DictionaryArray, hashes: NDArray[np.uint64]) -> pa.Array:
    return pa.array(hashes.view(np.int64)).take(coded.indices)


def _require_distinct(hashes: NDArray[np.uint64], words: pa.Array, column: str) -> None:
    order = np.argsort(hashes)
    same = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
    if len(same):
        one, other = (described(words[int(order[at])].as_py()) for at in (same[0], same[0] + 1))
        raise PermanentError(
            f"column {column!r}: two texts, {one} and {other}, have the same 64-bit hash, so "
            f"windows cannot distinguish them. Rename one of them in the source."
        )


def in_row_order(table: pa.Table, row_id: str) -> pa.Table:
    """Rows sorted by row id, which breaks ties of time; a stable sort."""
    ids = table[row_id]
    if not pa.types.is_integer(ids.type) or ids.null_count:
        return table.take(pc.sort_indices(table, sort_keys=[(row_id, "ascending")]))
    numbers = ids.to_numpy()
    if (numbers[1:] >= numbers[:-1]).all():
        return table
    return table.take(np.argsort(numbers, kind="stable"))


def _dictionary_columns(pipeline: Pipeline, schema: pa.Schema) -> tuple[str, ...]:
    """Columns of hashes: as differences they would take eight bytes per row."""
    texts = tuple(c.name for c in pipeline.table.columns if c.type == "text")
    return (*texts, ENTITY, CHECK) if CHECK in schema.names else texts
