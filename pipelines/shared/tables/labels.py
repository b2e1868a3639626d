"""Rows whose label never comes: which of a feature table's rows have one.

Why: a row without a label has features and a score; it can be neither learnt from nor counted.
Promise: null, NaN and infinities are no label; only the label's column is read.
Not here: what becomes of such rows (``preprocess`` leaves them out of training, ``evaluate`` out of
    its metrics).
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


def labelled(table: Path, label: str, rows: int | None = None) -> NDArray[np.bool_]:
    """Whether each row of a feature table has a label, shape ``(n_rows,)``.

    Args:
        table: Parquet file of a day's features.
        label: Column of the label.
        rows: How many rows to look at; None for all.
    """
    found, left = [np.zeros(0, bool)], rows
    with pq.ParquetFile(table, page_checksum_verification=True) as file:
        for batch in file.iter_batches(columns=[label], use_threads=False):
            if left is not None and left <= 0:
                break
            found.append(are_known(batch[label])[:left])
            left = None if left is None else left - len(batch)
    return np.concatenate(found)


def are_known(labels: pa.Array) -> NDArray[np.bool_]:
    """Which labels are neither null, NaN nor infinite."""
    numbers = labels.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(np.isfinite(numbers))
