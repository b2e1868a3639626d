"""Making one day's features: read, look back, put the columns together, write.

Why: the windows come by entity and bucket, the model wants rows in the day's order.
Promise: rows keep the order of the validated table; a number is float64, a sequence a list of
    float32 of one length.
Not here: which days are read (``lookback.py``), windows (``history.py``).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.compute import ComputeSettings
from pipelines.features.carried import Columns
from pipelines.features.history import DayInput, OnRows, features_of_history
from pipelines.features.program import key_columns, label_column
from pipelines.features.rows import category_columns, row_features
from pipelines.features.statistics import describe
from pipelines.operators.operator import SEQUENCE
from pipelines.spec import Pipeline
from pipelines.tables.known import part_name, statistics_name
from pipelines.tables.profile import profile_of
from pipelines.tables.schema import write_table
from pipelines.tables.versions import Versions, parts_of, version_columns, versions_of

PART = "part-0.parquet"


def make_day(
    day: DayInput, out: Path, settings: ComputeSettings, on_rows: OnRows
) -> dict[str, Any]:
    """Write the day's features and their statistics below ``out``.

    Args:
        day: What they are made from.
        out: Folder for the table and its statistics.
        settings: Where the tasks run.
        on_rows: Told after each task the rows read so far and the rows to read.

    Returns:
        The statistics; with known times, those of the rows known last.
    """
    columns = _read_columns(day.pipeline)
    table = pq.read_table(day.own.folder / PART, columns=columns, use_threads=False)
    versions = versions_of(table, day.pipeline.table)
    found = row_features(table, day.pipeline)
    found |= features_of_history(day, table.num_rows, settings, on_rows)
    if day.carried is not None:
        found |= day.carried.of(day.name, versions)
    features, statistics = _joined(table, day.pipeline, found), dict[str, Any]()
    for known, rows in _as_known(day, versions, features):
        write_table(rows, out / part_name(day.name, known))
        statistics = _statistics(day.pipeline, rows)
        text = json.dumps(statistics) + "\n"
        (out / statistics_name(day.name, known)).write_text(text)
    return statistics


def _as_known(
    day: DayInput, versions: Versions | None, features: pa.Table
) -> Iterator[tuple[str, pa.Table]]:
    """The day's features as known by the end of it, and of each later day that added rows."""
    if versions is None:
        yield day.name, features
    else:
        yield from parts_of(features, versions, day.name)


def _statistics(pipeline: Pipeline, rows: pa.Table) -> dict[str, Any]:
    label = rows[label_column(pipeline)].cast(pa.float64()).to_numpy()
    blocks = {n for s in pipeline.sources() if s.kind == SEQUENCE for n in s.names()}
    beside = {*blocks, *category_columns(pipeline)}
    names = [name for name in pipeline.feature_names() if name not in beside]
    numbers = {name: rows[name].to_numpy() for name in names}
    return describe(numbers, label) | {"profile": profile_of(numbers)}


def _read_columns(pipeline: Pipeline) -> list[str]:
    used = [column for source in pipeline.sources() for column in source.reads()]
    versions = version_columns(pipeline.table)
    return list(dict.fromkeys([*key_columns(pipeline), *versions, *used]))


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
