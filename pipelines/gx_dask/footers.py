"""What footers say about columns, and the pandas types that follow from it.

Why: an integer column with a null in one file is float64 in the whole table; a partition
    without one would keep it int64, and the same number would be two different values.
Promise: types are those of the whole table's frame. A column whose footers say nothing is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.gx_dask.files import open_file

LARGEST_EXACT = 2**53
NANOSECONDS = (pd.Timestamp.min, pd.Timestamp.max)


class Statistics:
    """What the footers say about columns, and the columns read where they say nothing."""

    def __init__(self, paths: Sequence[str], footers: Sequence[pq.FileMetaData]) -> None:
        self._files = list(zip(paths, footers, strict=True))
        self._groups = [
            (path, g, footer.row_group(g))
            for path, footer in self._files
            for g in range(footer.num_row_groups)
        ]
        first = self._groups[0][2] if self._groups else None
        leaves = range(first.num_columns) if first else ()
        self._leaf = {first.column(i).path_in_schema: i for i in leaves} if first else {}

    def widths(self) -> dict[str, int]:
        """Uncompressed bytes of each column, nested ones under their first name."""
        total: dict[str, int] = {}
        for _, _, group in self._groups:
            for leaf, index in self._leaf.items():
                name = leaf.split(".", 1)[0]
                size = group.column(index).total_uncompressed_size
                total[name] = total.get(name, 0) + size
        return total

    def has_nulls(self, name: str) -> bool:
        """Whether any row has no value."""
        return any(self._nulls(name, *group) for group in self._groups)

    def _nulls(self, name: str, path: str, number: int, group: Any) -> int:
        found = group.column(self._leaf[name]).statistics
        if found is not None and found.has_null_count:
            return int(found.null_count)
        with open_file(path) as file:
            return file.read_row_group(number, columns=[name])[name].null_count

    def ends(self, name: str) -> Iterator[Any]:
        """Least and greatest value of each row group that has some."""
        for path, number, group in self._groups:
            found = group.column(self._leaf[name]).statistics
            if found is not None and found.has_min_max:
                yield from (found.min, found.max)
            elif found is None or found.num_values:
                with open_file(path) as file:
                    values = file.read_row_group(number, columns=[name])[name]
                yield from (v for v in pc.min_max(values).as_py().values() if v is not None)


def pandas_types(schema: pa.Schema) -> dict[str, Any]:
    """Types of pandas' own that the writer was pandas and noted down, ``Int64`` for one."""
    frame = schema.empty_table().to_pandas()
    plain = schema.remove_metadata().empty_table().to_pandas().dtypes
    return {
        name: frame[name].dtype
        for name in schema.names
        if name in frame and frame[name].dtype != plain[name]
    }


def frame_types(
    schema: pa.Schema, statistics: Statistics, own: Mapping[str, Any], *, exact: bool
) -> tuple[pa.Schema, dict[str, Any]]:
    """Types in which partitions are read, and the pandas types of columns that need a cast."""
    casts = dict(own)
    for index, column in enumerate(schema):
        if column.name in own:
            continue
        cast = _cast_of(column, statistics, exact=exact)
        if cast is not None:
            casts[column.name] = cast
        if exact and _becomes_nanoseconds(column, statistics):
            schema = schema.set(index, column.with_type(pa.timestamp("ns", column.type.tz)))
    return schema, casts


def _cast_of(column: pa.Field, statistics: Statistics, *, exact: bool) -> str | None:
    """The pandas type of whole numbers and flags with a null somewhere."""
    whole, name = pa.types.is_integer(column.type), column.name
    if not (whole or pa.types.is_boolean(column.type)) or not statistics.has_nulls(name):
        return None
    if whole and not (exact and any(abs(end) > LARGEST_EXACT for end in statistics.ends(name))):
        return "float64"
    return "object"


def _becomes_nanoseconds(column: pa.Field, statistics: Statistics) -> bool:
    """Whether all times of the column can be counted in nanoseconds."""
    if not pa.types.is_timestamp(column.type):
        return False
    first, last = (np.datetime64(end.to_datetime64(), "us") for end in NANOSECONDS)
    ends = (np.datetime64(_naive(end), "us") for end in statistics.ends(column.name))
    return all(first < end < last for end in ends)


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None) if getattr(moment, "tzinfo", None) else moment
