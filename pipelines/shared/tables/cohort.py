"""A model's cohort as it is published: which rows are in which part, with their labels and weights.

Why: the stage that draws it and the stages that use it must agree on its files.
Promise: a file has a row for each row of the partition's features, in their order.
Not here: who is in it and why (``pipelines/stages/cohort/``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.operators.hashing import hash_wholes, hash_words
from pipelines.shared.tables.cohort_names import COHORT_PARTS, REASONS
from pipelines.shared.tables.schema import GROUP_ROWS, parquet_options

ROW_ID, PART, LEFT_OUT = "row_id", "part", "left_out"
LABEL, COMPETING, WEIGHT = "label", "competing", "weight"
DAYS, CAUSE = "days", "cause"


@dataclass(frozen=True, slots=True)
class CohortRows:
    """The rows of a partition, each array ``(n_rows,)``.

    Attributes:
        part: Part of the model's data that a row is in, an index into ``COHORT_PARTS``; ``NO_PART`` where it
            is left out.
        left_out: Why it is left out, an index into ``REASONS``; 0 where it is not.
        label: Its label: 0 or 1, or days, negative where they did not end with the event; NaN for none.
        competing: Whether the competing event ended it.
        weight: Its weight in the loss and in metrics.
        days: Days until it ended; NaN where the label is a column.
        cause: What ended it: 0 neither event, 1 the event, 2 the competing one.
    """

    part: NDArray[np.int8]
    left_out: NDArray[np.int8]
    label: NDArray[np.float32]
    competing: NDArray[np.bool_]
    weight: NDArray[np.float32]
    days: NDArray[np.float64]
    cause: NDArray[np.int8]


def write_cohort(path: Path, row_ids: pa.ChunkedArray, rows: CohortRows) -> None:
    """Write the rows of a partition."""
    table = pa.table(
        {
            ROW_ID: row_ids,
            PART: _words((*COHORT_PARTS, ""), rows.part),
            LEFT_OUT: _words(REASONS, rows.left_out),
            LABEL: rows.label,
            COMPETING: rows.competing,
            WEIGHT: rows.weight,
            DAYS: rows.days,
            CAUSE: rows.cause,
        }
    )
    options = parquet_options(table.schema)
    pq.write_table(table, path, row_group_size=GROUP_ROWS, **options)


def _words(words: tuple[str, ...], chosen: NDArray[np.int8]) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(chosen))


def hashed_keys(keys: pa.ChunkedArray) -> NDArray[np.uint64]:
    """A hash of each entity's key, by which entities are divided and counted; of a null's it is 0."""
    if not pa.types.is_string(keys.type):
        return np.asarray(hash_wholes(np, pc.fill_null(keys, 0).to_numpy())) * _known(keys)
    coded = keys.combine_chunks().dictionary_encode()
    hashes = np.append(hash_words(coded.dictionary), np.uint64(0))
    return hashes[pc.fill_null(coded.indices, len(coded.dictionary)).to_numpy()]


def _known(keys: pa.ChunkedArray) -> NDArray[np.uint64]:
    return pc.is_valid(keys).to_numpy().astype(np.uint64)


def read_cohort(path: Path, columns: list[str], rows: int) -> Iterator[pa.Table]:
    """Columns of a partition, so many rows at a time."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(rows, columns=columns, use_threads=False):
            yield pa.Table.from_batches([batch])
