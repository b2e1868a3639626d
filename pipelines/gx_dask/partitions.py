"""Which rows a table of Parquet files has, and how they are cut into tasks.

Why: a task must fit a worker whatever a file's size, so a partition is some row groups; and
    all partitions must become pandas with the types that the whole table would have.
Promise: only footers are read. Files come in the order of their paths, rows in the order of the
    files, and row numbers count through all of them, as in one concatenated frame.
Not here: reading values (``rows.py``).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.gx_dask.errors import ColumnsDifferError, EngineSettingError, require_at_least
from pipelines.gx_dask.files import open_file
from pipelines.gx_dask.footers import (
    Statistics,
    frame_types,
    pandas_types,
)

PARTITION_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Partition:
    """Some neighbouring row groups of one file.

    Attributes:
        number: Its index among the table's partitions.
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
            numbers or flags with a null somewhere, and types that pandas wrote of itself.
        partitions: In the order of their rows.
        widths: Bytes a column takes uncompressed, all rows together.
    """

    schema: pa.Schema
    casts: Mapping[str, Any]
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

    def kind(self, name: str) -> str:
        """NumPy's letter for the type that the whole column has as pandas.

        Texts and categories count as objects. What neither NumPy nor a rule here knows is
        ``x``: pandas' own types, halves of floats, and values made of values.
        """
        dtype = self.empty_frame[name].dtype
        known = isinstance(dtype, np.dtype | pd.DatetimeTZDtype | pd.CategoricalDtype)
        if not (known or dtype == "str") or dtype == "float16" or self.nested(name):
            return "x"
        return str(dtype.kind)

    def nested(self, name: str) -> bool:
        """Whether a column's values are made of values: lists, structs, maps.

        They become pandas only as a whole: a null within any list makes floats of the whole
        numbers in all lists of the column.
        """
        return bool(pa.types.is_nested(self.schema.field(name).type))


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
        FilesMissingError: A file is gone.
        FileDamagedError: A file is not Parquet.
        ColumnsDifferError: A file's columns differ from the first file's, or have one name.
        EngineSettingError: There are no files, or ``partition_rows`` is below 1.
    """
    require_at_least(1, partition_rows=partition_rows)
    if not paths:
        raise EngineSettingError("got no files; expected at least one. Name some.")
    footers = [_footer(path) for path in paths]
    stored = footers[0].schema.to_arrow_schema()
    schema = stored.remove_metadata()
    for path, footer in zip(paths, footers, strict=True):
        _require_same(schema, footer.schema.to_arrow_schema(), paths[0], path)
    folders = _hive_values(paths) if hive else [{}] * len(paths)
    _require_distinct([*schema.names, *folders[0]], paths[0])
    statistics = Statistics(paths, footers)
    own = {} if exact else pandas_types(stored)
    schema, casts = frame_types(schema, statistics, own, exact=exact)
    for name, value in folders[0].items():
        schema = schema.append(pa.field(name, pa.scalar(value).type))
    return Layout(
        schema=schema,
        casts=casts,
        partitions=tuple(_cut(paths, footers, folders, partition_rows)),
        widths=statistics.widths(),
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
    raise ColumnsDifferError(
        f"{other_path}: its columns differ from those of {path} "
        f"({'; '.join(differing[:5]) or 'another order'}). Expected the same names and types in "
        f"the same order in every file. Write the files alike."
    )


def _require_distinct(names: Sequence[str], path: str) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ColumnsDifferError(
            f"{path}: more than one column, or folder, is named {', '.join(repeated)}. Expected each "
            f"name once. Write the file without the others."
        )


def _hive_values(paths: Sequence[str]) -> list[dict[str, Any]]:
    texts = [
        dict(part.split("=", 1) for part in PurePosixPath(path).parts[:-1] if "=" in part)
        for path in paths
    ]
    _require_same_keys(paths, texts)
    whole = {key: all(_is_whole(text[key]) for text in texts) for key in texts[0]}
    return [
        {
            key: pa.scalar(int(value), pa.int32()) if whole[key] else pa.scalar(unquote(value))
            for key, value in text.items()
        }
        for text in texts
    ]


def _require_same_keys(paths: Sequence[str], texts: Sequence[Mapping[str, str]]) -> None:
    for path, keys in zip(paths, texts, strict=True):
        if list(keys) != list(texts[0]):
            raise ColumnsDifferError(
                f"{path}: its folders name {list(keys)}, those of {paths[0]} {list(texts[0])}. "
                f"Expected the same keys in every path. Move the file."
            )


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
