"""Windows and sequences of a day's rows: what is read for them, and where the results go.

Why: a task knows an entity and a bucket; a day wants every column in the order of its rows.
Promise: what is reused from an earlier version is read and computed for no row. No more
    than a few results, or one group of rows, are in memory at a time.
Not here: one task (``bucket.py``), what is reused (``reused.py``), where tasks run
    (``pipelines/shared/compute/``), results that wait (``spill.py``).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.operators.aggregates import AGGREGATES
from pipelines.shared.compute import ComputeSettings, open_compute
from pipelines.shared.tables.history import history_name
from pipelines.shared.tables.versions import day_number
from pipelines.stages.featurize.bucket import (
    BucketResult,
    BucketTask,
    HistoryFile,
    require_buckets,
    run_bucket,
)
from pipelines.stages.featurize.entity_program import EntityProgram, Separation
from pipelines.stages.featurize.feature_plan import FeaturePlan
from pipelines.stages.featurize.reused import Columns, ReusedColumns
from pipelines.stages.featurize.spill import Spill

OnRows = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PartitionFiles:
    """One partition's validated artifact.

    Attributes:
        table: Its table; None for the examples' own.
        distance: From its rows to those of the partition that is made.
        folder: Where its files are.
        rows: Its rows.
        stored_bytes: Size of its history, all entities together.
    """

    table: str | None
    distance: Separation
    folder: Path
    rows: int
    stored_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayInput:
    """What a partition's features are made from.

    Attributes:
        features: What to make of it.
        last_day: The day in which the partition ends.
        known_by: The day by whose end rows of other tables must have been known.
        own: The partition itself.
        earlier: The accepted partitions that its windows reach, oldest first, other tables' too.
        attributes: Static tables that it reads, by name.
        programs: Windows and sequences to compute: all of the plan's but the reused ones.
        reused: Those that need not be made again; None for nothing.
    """

    features: FeaturePlan
    last_day: str
    known_by: str
    own: PartitionFiles
    earlier: tuple[PartitionFiles, ...]
    attributes: Mapping[str, PartitionFiles]
    programs: tuple[EntityProgram, ...]
    reused: ReusedColumns | None = None

    def read_by(self, program: EntityProgram) -> tuple[PartitionFiles, ...]:
        """Partitions whose rows are in some window of the program, oldest first."""
        of_table = (each for each in self.earlier if each.table == program.table)
        return tuple(each for each in of_table if program.reads(each.distance))


def spill_history(
    day: DayInput, spill: Spill, settings: ComputeSettings, on_rows: OnRows
) -> None:
    """Compute every window and sequence of a day that is not reused."""
    _require_buckets(day)
    to_read = sum(d.rows for p in day.programs for d in (*day.read_by(p), day.own))
    read = 0

    def take(result: BucketResult) -> None:
        nonlocal read
        spill.add(result)
        read += result.rows_read
        on_rows(read, to_read)

    if day.programs:
        with open_compute(to_read, settings) as compute:
            compute.each(run_bucket, _tasks(day, compute.array_module), take)


def in_row_order(day: DayInput, results: Iterable[BucketResult], rows: int) -> Columns:
    """Every window and sequence of a group of rows, by name, in their order.

    A row without an entity has no history: its windows are empty.
    """
    found = _nothing_seen(day.features.programs, rows)
    outputs = {program.name: program.names() for program in day.programs}
    for result in results:
        for nth, name in enumerate(outputs.get(result.program, ())):
            found[name][result.position] = result.values[:, nth]
        for name, block in result.blocks.items():
            found[name][result.position] = block
    return found


def _nothing_seen(programs: tuple[EntityProgram, ...], rows: int) -> Columns:
    found: Columns = {}
    for program in programs:
        for window in program.windows:
            for nth, name in enumerate(window.names):
                aggregate = window.aggregates[nth % len(window.aggregates)]
                found[name] = np.full(rows, AGGREGATES[aggregate].over_nothing)
        for events in program.sequences:
            block, length = events.names
            found[block] = np.zeros((rows, events.width), np.float32)
            found[length] = np.zeros(rows, np.int32)
    return found


def _require_buckets(day: DayInput) -> None:
    for program in day.programs:
        days = (*day.read_by(program), day.own)
        paths = [each.folder / history_name(program.entity) for each in days]
        require_buckets(paths, day.features.buckets)


def _tasks(day: DayInput, array_module: str) -> list[BucketTask]:
    return [
        BucketTask(
            program=program,
            bucket=bucket,
            earlier=tuple(
                HistoryFile(str(each.folder / history_name(program.entity)), each.distance)
                for each in day.read_by(program)
            ),
            own=str(day.own.folder / history_name(program.entity)),
            array_module=array_module,
            versioned=day.features.table.known_time is not None,
            others_versioned=program.table in day.features.versioned_tables,
            known_by=day_number(day.known_by),
            buckets=day.features.buckets,
        )
        for program in day.programs
        for bucket in range(day.features.buckets)
    ]
