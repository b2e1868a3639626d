"""Which rows a table of Parquet files has, and how they are cut into tasks.

Why: a task must fit a worker whatever a file's size, so a partition is some row groups; and
    all partitions must become pandas with the types that the whole table would have.
Promise: only footers are read. Files come in the order of their paths, rows in the order of the
    files, and row numbers count through all of them, as in one concatenated frame.
Not here: reading values (``rows.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.errors import (
    ConfigError,
    SchemaError,
    SourceNotReadyError,
    SourceUnreadableError,
)

PARTITION_ROWS = 1_000_000
LARGEST_EXACT = 2**53
NANOSECONDS = (pd.Timestamp.min, pd.Timestamp.max)


@dataclass(frozen=True, slots=True)
class Partition:
    """Some neighbouring row groups of one file.

    Attributes:
        number: Its place among the table's partitions.
        path: The file.
        row_groups: Row groups of the file, rising.
        offset: Number of the first row, counted through the whole table.
        rows: Rows in it.
        hive: Values of the columns that are folder names (``ds=2026-11-24``).
    """

    number: int
    path: str
    row_groups: tuple[int, ...]
    offset: int
    rows: int
    hive: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Layout:
    """A table of Parquet files, without its values.

    Attributes:
        schema: Columns as they are read, those from folder names last.
        casts: pandas types of columns that one partition alone would read otherwise: whole
            numbers or flags with a null somewhere.
        partitions: In the order of their rows.
        widths: Bytes a column takes uncompressed, all rows together.
    """

    schema: pa.Schema
    casts: Mapping[str, str]
    partitions: tuple[Partition, ...]
    widths: Mapping[str, int]

    @property
    def rows(self) -> int:
        """Rows of the whole table."""
        return sum(partition.rows for partition in self.partitions)

    @cached_property
    def empty_frame(self) -> pd.DataFrame:
        """No rows, and the types of the whole table's frame."""
        return self.schema.empty_table().to_pandas().astype(dict(self.casts))


def list_files(path: str) -> list[str]:
    """Parquet files of a folder (and the folders below), a pattern, or one file, sorted.

    Names that start with ``.`` or ``_`` are no data, as everywhere in the Parquet world.

    Raises:
        SourceNotReadyError: There is none.
    """
    system, plain = fsspec.core.url_to_fs(path)
    if any(sign in plain for sign in "*?["):
        found = system.glob(plain)
    elif system.isdir(plain):
        found = [f for f in system.find(plain) if f.endswith((".parquet", ".pq"))]
        found = [f for f in found if not _is_hidden(f[len(plain) :])]
    else:
        found = [plain] if system.exists(plain) else []
    if not found:
        raise SourceNotReadyError(
            f"{path}: no Parquet file there. Expected a folder, a pattern or a file that exists. "
            f"Try again when the table was written, or correct the path."
        )
    remote = "://" in path
    return sorted(system.unstrip_protocol(f) if remote else f for f in found)


def lay_out(
    paths: Sequence[str],
    *,
    hive: bool = False,
    exact: bool = False,
    partition_rows: int = PARTITION_ROWS,
) -> Layout:
    """Read the footers of files, in the given order.

    Args:
        paths: The files; their columns and types must agree.
        hive: Whether folders named ``key=value`` are columns.
        exact: Whether whole numbers beyond 2**53 keep their digits beside nulls (as Python
            integers) and times have nanoseconds; else frames are those of ``pandas.read_parquet``.
        partition_rows: Rows a task should read at most; one row group is never split.

    Raises:
        SourceNotReadyError: A file is gone.
        SourceUnreadableError: A file is not Parquet.
        SchemaError: A file's columns differ from the first file's.
    """
    if not paths:
        raise ConfigError("lay_out: got no files; expected at least one.")
    footers = [_footer(path) for path in paths]
    schema = footers[0].schema.to_arrow_schema().remove_metadata()
    for path, footer in zip(paths, footers, strict=True):
        _require_same(schema, footer.schema.to_arrow_schema(), paths[0], path)
    folders = _hive_values(paths) if hive else [{}] * len(paths)
    statistics = _Statistics(paths, footers)
    schema, casts = _frame_types(schema, statistics, exact=exact)
    for name, value in folders[0].items():
        schema = schema.append(pa.field(name, pa.scalar(value).type))
    return Layout(
        schema=schema,
        casts=casts,
        partitions=tuple(_cut(paths, footers, folders, partition_rows)),
        widths=statistics.widths(),
    )


def _is_hidden(path: str) -> bool:
    return any(part.startswith((".", "_")) for part in PurePosixPath(path).parts)


def open_file(path: str, encoded: Sequence[str] = ()) -> pq.ParquetFile:
    """Open one file, local or behind a protocol that fsspec knows.

    Args:
        path: The file.
        encoded: Text columns to read as places in a list of distinct values.

    Raises:
        SourceNotReadyError: It is gone.
        SourceUnreadableError: It is not Parquet.
    """
    try:
        source = fsspec.open(path).open() if "://" in path else path
        return pq.ParquetFile(
            source, read_dictionary=list(encoded) or None, page_checksum_verification=True
        )
    except FileNotFoundError as error:
        raise gone(path) from error
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def gone(path: str) -> SourceNotReadyError:
    """What to say of a file that was listed and is not there."""
    return SourceNotReadyError(
        f"{path}: the file is gone. Expected it to stay while it is validated. "
        f"Try again when its writer has finished."
    )


def unreadable(path: str, error: Exception) -> SourceUnreadableError:
    """What to say of a file that cannot be read as Parquet."""
    return SourceUnreadableError(
        f"{path}: cannot be read as Parquet ({' '.join(str(error).split())[:300]}). "
        f"Expected a complete, undamaged file. Write it again."
    )


def _footer(path: str) -> pq.FileMetaData:
    with open_file(path) as file:
        return file.metadata


def _require_same(first: pa.Schema, other: pa.Schema, path: str, other_path: str) -> None:
    if first.equals(other):
        return
    wanted, seen = ({f.name: str(f.type) for f in schema} for schema in (first, other))
    differing = [
        f"{name}: {seen.get(name, 'missing')} instead of {wanted.get(name, 'nothing')}"
        for name in (*wanted, *(n for n in seen if n not in wanted))
        if wanted.get(name) != seen.get(name)
    ]
    raise SchemaError(
        f"{other_path}: its columns differ from those of {path} "
        f"({'; '.join(differing[:5]) or 'another order'}). Expected the same names and types in "
        f"the same order in every file. Write the files alike."
    )


def _hive_values(paths: Sequence[str]) -> list[dict[str, Any]]:
    texts = [
        dict(part.split("=", 1) for part in PurePosixPath(path).parts[:-1] if "=" in part)
        for path in paths
    ]
    for path, keys in zip(paths, texts, strict=True):
        if list(keys) != list(texts[0]):
            raise SchemaError(
                f"{path}: its folders name {list(keys)}, those of {paths[0]} {list(texts[0])}. "
                f"Expected the same keys in every path. Move the file."
            )
    whole = {key: all(_is_whole(text[key]) for text in texts) for key in texts[0]}
    return [
        {
            key: pa.scalar(int(value), pa.int32()) if whole[key] else pa.scalar(unquote(value))
            for key, value in text.items()
        }
        for text in texts
    ]


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 2**31


def _cut(
    paths: Sequence[str],
    footers: Sequence[pq.FileMetaData],
    folders: Sequence[Mapping[str, Any]],
    partition_rows: int,
) -> Iterator[Partition]:
    offset = number = 0
    for path, footer, hive in zip(paths, footers, folders, strict=True):
        sizes = [footer.row_group(g).num_rows for g in range(footer.num_row_groups)]
        for groups in _grouped(sizes, partition_rows):
            rows = sum(sizes[g] for g in groups)
            yield Partition(number, path, tuple(groups), offset, rows, hive)
            offset, number = offset + rows, number + 1


def _grouped(sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """Neighbours of at most so many rows together; a file without row groups is one part too."""
    group: list[int] = []
    for index, size in enumerate(sizes):
        if group and sum(sizes[g] for g in group) + size > most:
            yield group
            group = []
        group.append(index)
    yield group


class _Statistics:
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


def _frame_types(
    schema: pa.Schema, statistics: _Statistics, *, exact: bool
) -> tuple[pa.Schema, dict[str, str]]:
    casts = {}
    for index, column in enumerate(schema):
        name, kind = column.name, column.type
        if pa.types.is_boolean(kind) and statistics.has_nulls(name):
            casts[name] = "object"
        elif pa.types.is_integer(kind) and statistics.has_nulls(name):
            loses = exact and any(abs(end) > LARGEST_EXACT for end in statistics.ends(name))
            casts[name] = "object" if loses else "float64"
        elif exact and pa.types.is_timestamp(kind) and _fits_nanoseconds(name, statistics):
            schema = schema.set(index, column.with_type(pa.timestamp("ns", kind.tz)))
    return schema, casts


def _fits_nanoseconds(name: str, statistics: _Statistics) -> bool:
    first, last = (np.datetime64(end.to_datetime64(), "us") for end in NANOSECONDS)
    ends = [np.datetime64(_naive(end), "us") for end in statistics.ends(name)]
    return all(first < end < last for end in ends)


def _naive(moment: Any) -> Any:
    return moment.replace(tzinfo=None) if getattr(moment, "tzinfo", None) else moment
