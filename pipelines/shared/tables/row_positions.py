"""Where rows of one table are in another, by the id of the row.

Promise: each row is found once or not at all; a null id is no row's. Where both tables have the same rows in the same
    order, as scores and the features that they were made from, nothing is looked up; else one table's ids are in
    memory as a hash table.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.core.errors import ArtifactError

ABSENT = -1


def row_positions(wanted: pa.ChunkedArray, among: pa.ChunkedArray) -> NDArray[np.int64]:
    """Position of each wanted id among others, ``ABSENT`` where there is none, ``(n_wanted,)``.

    Raises:
        ArtifactError: An id is there twice on one side.
    """
    wanted, among = _large(wanted), _large(among)
    for ids in (wanted, among):
        _require_distinct(ids)
    if wanted.equals(among) and not wanted.null_count:
        return np.arange(len(wanted))
    if not len(among):
        return np.full(len(wanted), ABSENT, np.int64)
    found = pc.index_in(
        wanted.cast(among.type), value_set=among.combine_chunks(), skip_nulls=True
    )
    return np.asarray(pc.fill_null(found.cast(pa.int64()), ABSENT).to_numpy())


def _large(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts with 64-bit offsets: those of a large table are longer than 2 GiB."""
    return ids.cast(pa.large_string()) if pa.types.is_string(ids.type) else ids


def _require_distinct(ids: pa.ChunkedArray) -> None:
    known = len(ids) - ids.null_count
    distinct = pc.count_distinct(ids, mode="only_valid").as_py()
    if distinct != known:
        raise ArtifactError(
            f"{known - distinct:,} of {known:,} row ids are there more than once, and rows are matched by their id. "
            f"Declare the row_id that names one row, and take the partition in again."
        )
