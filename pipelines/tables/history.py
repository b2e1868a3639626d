"""History files: a day's rows by entity, so that a window reads one bucket of many days.

Why: trailing windows look back weeks; with row group b holding bucket b in every file, a
    window task reads its bucket and nothing else, without a shuffle.
Promise: row group b of ``history-<entity>.parquet`` holds exactly the rows whose entity hashes
    to bucket b, in the order of the day's ``part-0.parquet``; an empty bucket is an empty row
    group. A row whose entity is null has no history and is left out.
Not here: windows (``pipelines/features/``).
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.spec import Column, Pipeline
from pipelines.tables.hashing import bucket_of
from pipelines.tables.schema import parquet_options

ENTITY, TIME_S, POSITION = "entity", "time_s", "position"
MICROSECONDS = 1_000_000


def history_name(entity: str) -> str:
    """File name of an entity's history."""
    return f"history-{entity}.parquet"


def history_columns(pipeline: Pipeline, entity: str) -> tuple[Column, ...]:
    """Declared columns that an entity's history carries under their own names."""
    table = pipeline.table
    named = {table.row_id, table.event_time, pipeline.entity(entity).column}
    numeric = (c for c in table.columns if c.type in ("integer", "number", "flag"))
    return tuple(column for column in numeric if column.name not in named)


def write_histories(table: pa.Table, pipeline: Pipeline, folder: Path) -> None:
    """Write one history file for each declared entity.

    Args:
        table: Good rows of one day, as in ``part-0.parquet``.
        pipeline: Declares entities, columns and the number of buckets.
        folder: Where the files go.
    """
    for entity in pipeline.entities:
        rows = _history(table, pipeline, entity.name)
        # As NumPy, because entity is int64 without nulls here.
        bucket = bucket_of(rows[ENTITY].to_numpy(), pipeline.buckets)
        _write_buckets(rows, bucket, pipeline.buckets, folder / history_name(entity.name))


def read_bucket(path: Path, bucket: int, columns: list[str]) -> dict[str, NDArray[np.generic]]:
    """Read columns of one bucket, each of shape ``(n_rows,)``.

    A column with nulls comes back as float64 with NaN in their place.
    """
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        rows = file.read_row_group(bucket, columns=columns, use_threads=False)
    return {name: rows[name].to_numpy() for name in columns}


def scaled(values: pa.ChunkedArray, decimals: int) -> pa.ChunkedArray:
    """Numbers as whole multiples of ``10**-decimals``; NaN counts as null."""
    known = pc.if_else(pc.is_nan(values), None, values)
    return pc.round(pc.multiply(known, float(10**decimals))).cast(pa.int64())


def _history(table: pa.Table, pipeline: Pipeline, entity: str) -> pa.Table:
    time_us = table[pipeline.table.event_time].cast(pa.int64()).to_numpy()
    columns: dict[str, pa.ChunkedArray | pa.Array] = {
        ENTITY: table[pipeline.entity(entity).column],
        TIME_S: pa.array(time_us // MICROSECONDS),
    }
    for column in history_columns(pipeline, entity):
        values = table[column.name]
        columns[column.name] = (
            values if column.decimals is None else scaled(values, column.decimals)
        )
    columns[POSITION] = pa.array(np.arange(table.num_rows, dtype=np.int32))
    return pa.table(columns).filter(pc.is_valid(columns[ENTITY]))


def _write_buckets(rows: pa.Table, bucket: NDArray[np.int64], buckets: int, path: Path) -> None:
    # NumPy sorts 16 bits by radix, five times as fast as 64.
    narrow = bucket.astype(np.uint16) if buckets <= 1 << 16 else bucket
    ordered = rows.take(np.argsort(narrow, kind="stable"))
    ends = np.cumsum(np.bincount(bucket, minlength=buckets))
    with pq.ParquetWriter(path, rows.schema, **parquet_options(rows.schema)) as writer:
        for start, end in zip((0, *ends[:-1]), ends, strict=True):
            # Without a size of its own, a slice of more than 1,048,576 rows would become two
            # row groups and shift every later bucket.
            writer.write_table(ordered.slice(start, end - start), max(int(end - start), 1))
