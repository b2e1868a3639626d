"""Columns of a feature table as input of operators: floats, integers, dictionary-encoded texts.

Why: the reader differs between CPU and GPU, the operators do not.
Promise: text is read dictionary-encoded, so each distinct text is processed once per row group and
    not once per row; null, NaN and infinities all mean unknown.
Not here: the operators (``pipelines/operators/``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.operators.array_types import Array
from pipelines.operators.values import NULL_WHOLE, Words

BATCH_ROWS = 1 << 16


def read_values(
    xp: Any, path: Path, row_group: int, kinds: Mapping[str, str]
) -> dict[str, Any]:
    """Read columns of one row group.

    Args:
        xp: numpy or cupy, the module of the returned arrays.
        path: Part of a feature table.
        row_group: Index of the row group.
        kinds: ``number``, ``integer``, ``text``, ``block`` or ``length``, by column.
    """
    words = [name for name, kind in kinds.items() if kind == "text"]
    with pq.ParquetFile(path, read_dictionary=words, page_checksum_verification=True) as file:
        table = file.read_row_group(row_group, columns=list(kinds), use_threads=False)
    return {name: column_values(xp, table[name], kind) for name, kind in kinds.items()}


def read_rows(
    xp: Any, path: Path, first: int, rows: int, kinds: Mapping[str, str]
) -> dict[str, Any]:
    """``read_values`` of consecutive rows, in whichever row groups they are."""
    words = [name for name, kind in kinds.items() if kind == "text"]
    with pq.ParquetFile(path, read_dictionary=words, page_checksum_verification=True) as file:
        table = table_rows(file, first, rows, list(kinds))
    return {name: column_values(xp, table[name], kind) for name, kind in kinds.items()}


def table_rows(file: pq.ParquetFile, first: int, rows: int, columns: list[str]) -> pa.Table:
    """Consecutive rows of a Parquet file; rows of a row group outside of them are not kept."""
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    starts = np.cumsum([0, *groups])
    group = int(np.searchsorted(starts, first, side="right")) - 1
    if first == starts[group] and rows == groups[group]:
        return file.read_row_group(group, columns=columns, use_threads=False)
    reached = range(group, int(np.searchsorted(starts, first + rows)))
    position, found = int(starts[group]), []
    batches = file.iter_batches(BATCH_ROWS, reached, columns=columns, use_threads=False)
    for batch in batches:
        begin, end = max(first - position, 0), min(first + rows - position, len(batch))
        found += [batch.slice(begin, end - begin)] if begin < end else []
        position += len(batch)
    return pa.Table.from_batches(found)


def read_served(path: Path, row_group: int, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Read columns of one row group as input of a serving graph, ``(n_rows,)`` each.

    Numbers are float64, integers int64, texts objects, an unknown text being empty.
    """
    values = read_values(np, path, row_group, kinds)
    return {name: served(each) for name, each in values.items()}


def served(values: Any) -> Array:
    """Values as a serving graph takes them: words as objects, an unknown one being empty."""
    if not isinstance(values, Words):
        return values
    words = np.array([*values.words.to_pylist(), ""], dtype=object)
    return words[values.code]  # -1, the unknown one, is the last


def column_values(xp: Any, column: pa.ChunkedArray, kind: str) -> Array | Words:
    """One column: float64 with NaN, int64 with ``NULL_WHOLE``, or ``Words``.

    A block of a sequence is a float32 matrix, its length int32.
    """
    if kind == "text":
        return _words(xp, column)
    if kind == "block":
        events = column.combine_chunks().flatten().to_numpy()
        return xp.asarray(events.reshape(len(column), -1))
    if kind == "length":
        return xp.asarray(column.cast(pa.int32()).to_numpy())
    if kind == "integer":
        filled = pc.fill_null(column.cast(pa.int64()), NULL_WHOLE)
        return xp.asarray(filled.to_numpy())
    values = xp.asarray(column.cast(pa.float64()).to_numpy())
    finite = xp.isfinite(values)
    return values if bool(finite.all()) else xp.where(finite, values, xp.nan)


def _words(xp: Any, column: pa.ChunkedArray) -> Words:
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    if not column.num_chunks:
        return Words(pa.array([], pa.string()), xp.zeros(0, xp.int32))
    words = column.chunk(0).dictionary.cast(pa.string())
    codes = [pc.fill_null(chunk.indices, -1).to_numpy() for chunk in column.chunks]
    code = codes[0] if len(codes) == 1 else np.concatenate(codes)
    empty = pc.index(words, "").as_py()
    return Words(words, xp.asarray(code if empty < 0 else np.where(code == empty, -1, code)))
