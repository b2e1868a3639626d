"""Making one day's features: read, look back, put the columns together, write.

Why: the windows come by entity and bucket, the model wants rows in the day's order.
Promise: rows keep the order of the validated table; a number is float64, a sequence a list of
    float32 of one length.
Not here: which days are read (``lookback.py``), windows (``history.py``).
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.compute import ComputeSettings
from pipelines.features.history import Columns, DayInput, OnRows, features_of_history
from pipelines.features.program import key_columns, label_column
from pipelines.features.rows import category_columns, row_features
from pipelines.features.statistics import describe
from pipelines.operators.operator import SEQUENCE
from pipelines.spec import Pipeline
from pipelines.tables.schema import write_table

PART, STATISTICS = "part-0.parquet", "statistics.json"


def make_day(
    day: DayInput, out: Path, settings: ComputeSettings, on_rows: OnRows
) -> dict[str, Any]:
    """Write the day's features and their statistics below ``out``.

    Args:
        day: What they are made from.
        out: Folder for ``part-0.parquet`` and ``statistics.json``.
        settings: Where the tasks run.
        on_rows: Told after each task the rows read so far and the rows to read.

    Returns:
        The statistics.
    """
    columns = _read_columns(day.pipeline)
    table = pq.read_table(day.own.folder / PART, columns=columns, use_threads=False)
    found = row_features(table, day.pipeline)
    found |= features_of_history(day, table.num_rows, settings, on_rows)
    write_table(_joined(table, day.pipeline, found), out / PART)
    label = table[label_column(day.pipeline)].cast(pa.float64()).to_numpy()
    statistics = describe(_numbers(day.pipeline, found), label)
    (out / STATISTICS).write_text(json.dumps(statistics, indent=1) + "\n")
    return statistics


def _read_columns(pipeline: Pipeline) -> list[str]:
    used = [column for source in pipeline.sources() for column in source.reads()]
    return list(dict.fromkeys([*key_columns(pipeline), *used]))


def _numbers(pipeline: Pipeline, found: Columns) -> Columns:
    """Features that are one number a row, in the order of the declaration."""
    blocks = {n for s in pipeline.sources() if s.kind == SEQUENCE for n in s.names()}
    every = (n for n in pipeline.feature_names() if n in found and n not in blocks)
    return {name: found[name] for name in every}


def _joined(table: pa.Table, pipeline: Pipeline, values: Columns) -> pa.Table:
    """Keys, then features in the order of the declaration."""
    carried = {name: table[name] for name in key_columns(pipeline)}
    found = {name: table[name] for name in category_columns(pipeline)}
    found |= {name: _arrow(array) for name, array in values.items()}
    return pa.table(carried | {name: found[name] for name in pipeline.feature_names()})


def _arrow(values: NDArray[Any]) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
