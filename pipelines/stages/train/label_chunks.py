"""The labels of the training rows with their weights in the loss, a chunk at a time.

Why: sums over all labels must neither hold them whole nor differ between runs.
Promise: chunks of one size within a day, days and rows in the order of the table; only labels and
    weights are read.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.train.shards import LABEL, WEIGHT, Shards

CHUNK_ROWS = 65_536


def label_chunks(
    shards: Shards, class_weights: tuple[float, ...] = ()
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float64]]]:
    """Labels of each chunk, and their weights ``(n_rows,)``.

    Args:
        shards: The rows.
        class_weights: Weight of a row of label 0, 1, ...; empty for 1 each.
    """
    for day in shards.days:
        for first in range(0, len(day[LABEL]), CHUNK_ROWS):
            y = np.asarray(day[LABEL][first : first + CHUNK_ROWS])
            weight = np.ones(len(y))
            if WEIGHT in day:
                weight = weight * day[WEIGHT][first : first + CHUNK_ROWS]
            if class_weights:
                weight = weight * np.array(class_weights)[y.astype(np.int64)]
            yield y, weight
