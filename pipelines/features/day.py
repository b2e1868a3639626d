"""Making one day's features: read, run the tasks, put the columns together, write.

Why: the windows come by entity and bucket, the model wants rows in the day's order.
Promise: rows keep the order of the validated table; each output has one type, float64.
Not here: which days are read (``lookback.py``), where tasks run (``pipelines/compute/``).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.compute import ComputeSettings, open_compute
from pipelines.features.bucket import BucketResult, BucketTask, require_buckets, run_bucket
from pipelines.features.program import EntityProgram, key_columns, label_column, programs_of
from pipelines.features.rows import category_columns, row_features
from pipelines.features.statistics import describe
from pipelines.spec import Pipeline
from pipelines.tables.history import history_name
from pipelines.tables.schema import write_table

PART, STATISTICS = "part-0.parquet", "statistics.json"
Columns = dict[str, NDArray[np.float64]]
OnRows = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class DayFiles:
    """One day's validated artifact.

    Attributes:
        back: How many days before the day that is made; 0 for that day itself.
        folder: Where its files are.
        rows: Its rows.
    """

    back: int
    folder: Path
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayInput:
    """What a day's features are made from.

    Attributes:
        pipeline: Declaration.
        own: The day itself.
        earlier: The look-back's accepted days, oldest first.
    """

    pipeline: Pipeline
    own: DayFiles
    earlier: tuple[DayFiles, ...]

    def read_by(self, program: EntityProgram) -> tuple[DayFiles, ...]:
        """Earlier days whose rows are in some window of the program, oldest first."""
        return tuple(day for day in self.earlier if program.reads(day.back))


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
    found |= _windows(day, table.num_rows, settings, on_rows)
    numbers = {name: found[name] for name in day.pipeline.feature_names() if name in found}
    write_table(_joined(table, day.pipeline, numbers), out / PART)
    label = table[label_column(day.pipeline)].cast(pa.float64()).to_numpy()
    statistics = describe(numbers, label)
    (out / STATISTICS).write_text(json.dumps(statistics, indent=1) + "\n")
    return statistics


def _windows(day: DayInput, rows: int, settings: ComputeSettings, on_rows: OnRows) -> Columns:
    """Every window, by name. A row without an entity has no history: zeros."""
    programs = programs_of(day.pipeline)
    _require_buckets(day, programs)
    to_read = sum(d.rows for p in programs for d in (*day.read_by(p), day.own))
    found: Columns = {name: np.zeros(rows) for p in programs for name in p.names()}
    outputs, read = {program.entity: program.names() for program in programs}, 0

    def place(result: BucketResult) -> None:
        nonlocal read
        for nth, name in enumerate(outputs[result.entity]):
            found[name][result.position] = result.values[:, nth]
        read += result.rows_read
        on_rows(read, to_read)

    with open_compute(to_read, settings) as compute:
        compute.map(run_bucket, _tasks(day, programs, compute.array_module), place)
    return found


def _require_buckets(day: DayInput, programs: tuple[EntityProgram, ...]) -> None:
    for program in programs:
        days = (*day.read_by(program), day.own)
        paths = [each.folder / history_name(program.entity) for each in days]
        require_buckets(paths, day.pipeline.buckets)


def _tasks(
    day: DayInput, programs: tuple[EntityProgram, ...], array_module: str
) -> list[BucketTask]:
    return [
        BucketTask(
            program=program,
            bucket=bucket,
            earlier=tuple(
                str(each.folder / history_name(program.entity)) for each in day.read_by(program)
            ),
            own=str(day.own.folder / history_name(program.entity)),
            array_module=array_module,
        )
        for program in programs
        for bucket in range(day.pipeline.buckets)
    ]


def _read_columns(pipeline: Pipeline) -> list[str]:
    used = [column for source in pipeline.sources() for column in source.reads()]
    return list(dict.fromkeys([*key_columns(pipeline), *used]))


def _joined(table: pa.Table, pipeline: Pipeline, numbers: Columns) -> pa.Table:
    """Keys, then features in the order of the declaration."""
    carried = {name: table[name] for name in key_columns(pipeline)}
    found = {name: table[name] for name in category_columns(pipeline)}
    found |= {name: pa.array(values) for name, values in numbers.items()}
    return pa.table(carried | {name: found[name] for name in pipeline.feature_names()})
