"""Scoring the rows that validate an epoch, and reading what is known of each.

Promise: scores are those of the graph that is served, in chunks of one size, so neither a kill nor the number of
    rows changes one.
Not here: what is made of them (``calibrate.py``, ``thresholds.py``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf
from numpy.typing import NDArray

from pipelines.shared.tables.day_numbers import day_numbers
from pipelines.spec import Head, ModelDays, Pipeline
from pipelines.stages.train.heads import predictions
from pipelines.stages.train.held_out_rows import HeldOutRows
from pipelines.stages.train.shards import WEIGHT, Shards, held_out_entries

CHUNK_ROWS = 8192


def held_out_rows(
    pipeline: Pipeline, training_set: Path, days: ModelDays, shards: Shards, model: Any
) -> HeldOutRows:
    """Score the rows, and read their labels, weights, entities and days.

    Args:
        pipeline: Says by what an alert is raised.
        training_set: Its folder.
        days: Days of the model.
        shards: The same rows, as a network reads them.
        model: The trained Keras model, outside any strategy.
    """
    happened = np.concatenate(shards.labels()) > 0
    weighted = WEIGHT in shards.days[0]
    weight = np.concatenate([day[WEIGHT] for day in shards.days]) if weighted else None
    entity, time = pipeline.resampled_column(), pipeline.table.time_column
    keys = pa.concat_tables(
        pq.read_table(training_set / each["keys"], columns=[entity, time], use_threads=False)
        for each in held_out_entries(training_set, days)
    )
    return HeldOutRows(
        score=scores_of(model, pipeline.head, shards),
        happened=happened,
        weight=np.ones(len(happened)) if weight is None else weight.astype(np.float64),
        entity=_numbered(keys[entity]),
        day=day_numbers(keys[time], pipeline.time_zone),
    )


def scores_of(model: Any, head: Head, shards: Shards) -> NDArray[np.float32]:
    """The served score of each row, ``(n_rows,)``."""

    @tf.function
    def scored(arrays: dict[str, Any]) -> tf.Tensor:
        return predictions(head, model(arrays, training=False))["score"]

    found = []
    for first, rows in _chunks(shards):
        arrays = shards.empty(CHUNK_ROWS)
        shards.copy(first, rows, arrays, 0)
        given = {name: tf.constant(arrays[name]) for name in shards.inputs}
        found.append(scored(given).numpy()[:rows])
    shards.release()
    return np.concatenate(found)


def _chunks(shards: Shards) -> Iterator[tuple[int, int]]:
    """First row and number of rows of each chunk, none of which reaches over a day's end."""
    for start, end in zip(shards.starts[:-1], shards.starts[1:], strict=True):
        for first in range(int(start), int(end), CHUNK_ROWS):
            yield first, min(CHUNK_ROWS, int(end) - first)


def _numbered(entities: pa.ChunkedArray) -> NDArray[np.int64]:
    """The number of each row's entity, by its first row; a row without one is an entity of its own."""
    codes = pc.dictionary_encode(entities.combine_chunks()).indices
    found = pc.fill_null(codes, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    alone = np.flatnonzero(found < 0)
    found[alone] = len(found) + np.arange(len(alone))
    return found
