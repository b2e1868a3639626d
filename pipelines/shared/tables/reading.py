"""Read a bucket of a history into main memory or onto a GPU.

Why: the kernels take NumPy or CuPy arrays; only the reader differs between CPU and GPU.
Promise: both readers return the same arrays: integers as int64 with ``NULL_WHOLE`` for null,
    floats as float64 with NaN for null; only the requested columns of one row group are read.
"""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.operators.array_types import Array
from pipelines.operators.values import NULL_WHOLE
from pipelines.shared.tables.history import POSITION

Columns = dict[str, Any]
Reader = Callable[[Path, int, Sequence[str]], Columns]


def reader_of(array_module: str) -> Reader:
    """The reader that returns arrays of that module: ``numpy`` or ``cupy``.

    Without cuDF, CuPy arrays are read by pyarrow and copied to the device.
    """
    if array_module == "numpy":
        return read_bucket
    if importlib.util.find_spec("cudf") is not None:
        return read_bucket_cudf
    return _copied(importlib.import_module(array_module))


def read_bucket(path: Path, bucket: int, columns: Sequence[str]) -> Columns:
    """Read columns of one bucket with pyarrow into NumPy arrays of shape ``(n_rows,)``."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        rows = file.read_row_group(bucket, columns=list(columns), use_threads=False)
    return {name: _array(rows[name]) for name in columns}


def read_bucket_cudf(path: Path, bucket: int, columns: Sequence[str]) -> Columns:
    """Read columns of one bucket with cuDF into CuPy arrays of shape ``(n_rows,)``."""
    import cudf

    rows = cudf.read_parquet(path, columns=list(columns), row_groups=[[bucket]])
    return {name: _device_array(rows[name]) for name in columns}


def _array(column: pa.ChunkedArray) -> Array:
    if column.null_count and pa.types.is_integer(column.type):
        column = pc.fill_null(column, NULL_WHOLE)
    return column.to_numpy()


def _device_array(column: Any) -> Array:
    missing = NULL_WHOLE if column.dtype.kind == "i" else float("nan")
    return (column.fillna(missing) if column.null_count else column).values


def _copied(xp: Any) -> Reader:
    def read(path: Path, bucket: int, columns: Sequence[str]) -> Columns:
        found = read_bucket(path, bucket, columns)
        # Positions are needed on the host anyway.
        return {n: v if n == POSITION else xp.asarray(v) for n, v in found.items()}

    return read
