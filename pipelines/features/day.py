"""Making one day's features: read, run the tasks, put the columns together, write.

Why: the windows come by entity and bucket, the model wants rows in the day's order.
Promise: rows keep the order of the validated table; each output has one type, float64.
Not here: which days are read (``lookback.py``), where tasks run (``pipelines/compute/``).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.compute import ComputeSettings, open_compute
from pipelines.features.bucket import BucketResult, BucketTask, require_buckets, run_bucket
from pipelines.features.program import key_columns, label_column, programs_of
from pipelines.features.rows import row_features
from pipelines.features.statistics import describe
from pipelines.spec import Pipeline, Trailing
from pipelines.tables.history import history_name
from pipelines.tables.schema import write_table

PART, STATISTICS = "part-0.parquet", "statistics.json"
Columns = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayInput:
    """What a day's features are made from.

    Attributes:
        pipeline: Declaration.
        own: Folder of the day's validated artifact.
        earlier: Folders of the look-back's accepted days, oldest first.
        rows: Rows in all of these.
    """

    pipeline: Pipeline
    own: Path
    earlier: tuple[Path, ...]
    rows: int


def make_day(
    day: DayInput, out: Path, settings: ComputeSettings, on_rows: Callable[[int], None]
) -> dict[str, Any]:
    """Write the day's features and their statistics below ``out``.

    Args:
        day: What they are made from.
        out: Folder for ``part-0.parquet`` and ``statistics.json``.
        settings: Where the tasks run.
        on_rows: Told the rows read by each task that is done.

    Returns:
        The statistics.
    """
    table = pq.read_table(
        day.own / PART, columns=_read_columns(day.pipeline), use_threads=False
    )
    found = row_features(table, day.pipeline)
    found |= _windows(day, table.num_rows, settings, on_rows)
    features = {name: found[name] for name in day.pipeline.feature_names()}
    write_table(_joined(table, day.pipeline, features), out / PART)
    label = table[label_column(day.pipeline)].cast(pa.float64()).to_numpy()
    statistics = describe(features, label)
    (out / STATISTICS).write_text(json.dumps(statistics, indent=1) + "\n")
    return statistics


def _windows(
    day: DayInput, rows: int, settings: ComputeSettings, on_rows: Callable[[int], None]
) -> Columns:
    """Every window, by name. A row without an entity has no history: zeros."""
    programs = programs_of(day.pipeline)
    if not programs:
        return {}
    for program in programs:
        name = history_name(program.entity)
        require_buckets([f / name for f in (*day.earlier, day.own)], day.pipeline.buckets)
    found: Columns = {name: np.zeros(rows) for p in programs for name in p.names()}
    outputs = {program.entity: program.names() for program in programs}

    def place(result: BucketResult) -> None:
        for nth, name in enumerate(outputs[result.entity]):
            found[name][result.position] = result.values[:, nth]
        on_rows(result.rows_read)

    with open_compute(day.rows * len(programs), settings) as compute:
        compute.map(run_bucket, _tasks(day, compute.array_module), place)
    return found


def _tasks(day: DayInput, array_module: str) -> list[BucketTask]:
    return [
        BucketTask(
            program=program,
            bucket=bucket,
            earlier=tuple(str(f / history_name(program.entity)) for f in day.earlier),
            own=str(day.own / history_name(program.entity)),
            array_module=array_module,
        )
        for program in programs_of(day.pipeline)
        for bucket in range(day.pipeline.buckets)
    ]


def _read_columns(pipeline: Pipeline) -> list[str]:
    used = [f.column for f in pipeline.features if not isinstance(f, Trailing)]
    return list(dict.fromkeys([*key_columns(pipeline), *used]))


def _joined(table: pa.Table, pipeline: Pipeline, features: Mapping[str, Any]) -> pa.Table:
    keys = {name: table[name] for name in key_columns(pipeline)}
    return pa.table(keys | {name: pa.array(values) for name, values in features.items()})
