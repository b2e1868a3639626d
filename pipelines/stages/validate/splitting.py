"""Split a day into its good rows and its quarantine, one partition at a time.

Why: a day may be larger than memory, and every row of it must be in one of the two.
Promise: a task reads one partition and writes its parts to scratch files; the published files are
    assembled from those, one part (or one hash bucket) in memory at a time. The bytes follow from
    the ingested file, not from workers or the order in which tasks end.
Not here: which rows fail (``pipelines/shared/expectations/engine.py``), the verdict on
    the day (``pipelines/shared/expectations/verdict.py``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.shared.compute.compute import Compute
from pipelines.shared.expectations.report import First
from pipelines.shared.expectations.rules import CheckedRule
from pipelines.shared.tables import ROW
from pipelines.shared.tables.history import (
    HistoryPart,
    entities_with_history,
    history_name,
    history_part,
    write_history,
)
from pipelines.shared.tables.schema import GROUP_ROWS, parquet_options, table_schema
from pipelines.shared.tables.versions import Versions, version_columns, versions_of, write_known
from pipelines.spec import Pipeline
from pipelines.stages.validate.day_profile import write_profile
from pipelines.stages.validate.quarantine import (
    failing_values,
    quarantine_lines,
    quarantine_schema,
)

if TYPE_CHECKING:
    from pipelines.gx_dask.partitions import Partition
    from pipelines.shared.expectations.engine import Evaluated, RuleResult

PART, QUARANTINE = "part-0.parquet", "quarantine.parquet"
SHOWN = 20
Failing = tuple[NDArray[np.int64], ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """Numbers of rows of a partition.

    Attributes:
        rows: All rows.
        bad: Rows that are quarantined.
        by_rule: Failing rows of each rule that quarantines rows.
    """

    rows: int
    bad: int
    by_rule: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """The task of one partition.

    Attributes:
        evaluated: Locates the failing rows.
        partition: The rows.
        quarantining: Results whose rows are quarantined.
        reported: Results whose first rows the report shows.
        good_before: Number of good rows in the partitions before.
        scratch: Folder for the parts.
        pipeline: Declares columns, entities and buckets.
        day: The partition of the data.
        run: Identity of the run.
        keep_good: Whether the good rows will be published.
    """

    evaluated: "Evaluated"
    partition: "Partition"
    quarantining: "tuple[RuleResult, ...]"
    reported: "tuple[RuleResult, ...]"
    good_before: int
    scratch: Path
    pipeline: Pipeline
    day: str
    run: str
    keep_good: bool

    def part(self, what: str) -> Path:
        """Scratch file of a part."""
        return _part(self.scratch, what, self.partition.number)


def count_rows(
    evaluated: "Evaluated", quarantining: "Sequence[RuleResult]", compute: Compute
) -> list[Counted]:
    """Count the rows of each partition that are quarantined."""
    tasks = [(evaluated, partition, tuple(quarantining)) for partition in evaluated.partitions]
    return compute.map(_count, tasks)


def split_rows(
    evaluated: "Evaluated",
    quarantining: "Sequence[RuleResult]",
    counted: Sequence[Counted],
    compute: Compute,
    *,
    pipeline: Pipeline,
    day: str,
    run: str,
    keep_good: bool,
    scratch: Path,
    out: Path,
    on_rows: Callable[[int], None],
) -> First:
    """Write ``quarantine.parquet`` and, for an accepted day, good rows and histories.

    Args:
        evaluated: The results of the rules.
        quarantining: Results whose rows are quarantined, in the order of the rules.
        counted: The result of ``count_rows``.
        compute: Runs the tasks.
        pipeline: Declares columns, entities and buckets.
        day: The partition.
        run: Identity of the run, for the quarantine.
        keep_good: Whether good rows are written.
        scratch: Folder for the parts, on a disk that workers share.
        out: Folder of the published files.
        on_rows: Called with the number of rows of each partition that is done.

    Returns:
        The first failing rows of each rule that has some.
    """
    before = np.cumsum([0, *(part.rows - part.bad for part in counted)])
    reported = tuple(finding for finding in evaluated.findings if finding.failing)
    tasks = [
        _Task(
            evaluated=evaluated,
            partition=partition,
            quarantining=tuple(quarantining),
            reported=reported,
            good_before=int(before[nth]),
            scratch=scratch,
            pipeline=pipeline,
            day=day,
            run=run,
            keep_good=keep_good,
        )
        for nth, partition in enumerate(evaluated.partitions)
    ]
    firsts = compute.map(_split, tasks, lambda done: on_rows(done[0]))
    parts = len(tasks)
    schemas: dict[str, pa.Schema | None] = {QUARANTINE: quarantine_schema(pipeline.stored)}
    if keep_good:
        schemas[PART] = table_schema(pipeline.stored)
        schemas |= {
            history_name(entity.name): None for entity in entities_with_history(pipeline)
        }
    files = [
        _PublishedFile(scratch, out, name, parts, pipeline, day, s)
        for name, s in schemas.items()
    ]
    compute.map(_assemble, files)
    return _first(found for _, found in firsts)


def _count(task: "tuple[Evaluated, Partition, tuple[RuleResult, ...]]") -> Counted:
    evaluated, partition, quarantining = task
    failing = _failing(evaluated, partition, quarantining)
    is_bad = _is_bad(failing, partition.rows)
    return Counted(
        rows=partition.rows,
        bad=int(np.count_nonzero(is_bad)),
        by_rule=tuple(len(rows) for rows in failing),
    )


def _failing(
    evaluated: "Evaluated", partition: "Partition", findings: "Sequence[RuleResult]"
) -> Failing:
    return tuple(evaluated.failing_rows(finding, partition) for finding in findings)


def _is_bad(failing: Failing, rows: int) -> NDArray[np.bool_]:
    is_bad = np.zeros(rows, dtype=bool)
    for rows_failing in failing:
        is_bad[rows_failing] = True
    return is_bad


def _split(task: _Task) -> tuple[int, First]:
    """Write one partition's parts; return its rows and the first failing rows of each rule."""
    ingested = _read(task.partition)
    failing = _failing(task.evaluated, task.partition, task.quarantining)
    rules = [finding.rule for finding in task.quarantining]
    lines = quarantine_lines(rules, failing, ingested, task.pipeline.stored, task.day, task.run)
    _write_part(lines, task.part(QUARANTINE))
    if task.keep_good:
        _write_good(task, ingested, _is_bad(failing, ingested.num_rows))
    shown = _failing(task.evaluated, task.partition, task.reported)
    found = {
        finding.rule.name: _shown(finding.rule, rows[:SHOWN], ingested)
        for finding, rows in zip(task.reported, shown, strict=True)
    }
    return ingested.num_rows, found


def _write_good(task: _Task, ingested: pa.Table, is_bad: NDArray[np.bool_]) -> None:
    good = ingested.filter(pa.array(~is_bad)) if is_bad.any() else ingested
    _write_part(good, task.part(PART))
    for entity in entities_with_history(task.pipeline):
        part = history_part(good, task.pipeline, entity.name, task.good_before)
        path = task.part(history_name(entity.name))
        _write_part(part.rows, path)
        np.save(path.with_suffix(".npy"), part.ends)


def _read(partition: "Partition") -> pa.Table:
    with pq.ParquetFile(partition.path, page_checksum_verification=True) as file:
        if not partition.row_groups:
            return file.schema_arrow.empty_table()
        return file.read_row_groups(list(partition.row_groups), use_threads=False)


def _shown(
    rule: CheckedRule, rows: NDArray[np.int64], ingested: pa.Table
) -> list[dict[str, Any]]:
    values = failing_values(rule, rows, ingested).to_pylist()
    numbers = ingested[ROW].take(rows).to_pylist()
    return [{"row": row, "value": value} for row, value in zip(numbers, values, strict=True)]


def _first(founds: Iterator[Mapping[str, list[dict[str, Any]]]]) -> First:
    first: First = {}
    for found in founds:
        for rule, rows in found.items():
            first[rule] = [*first.get(rule, []), *rows][:SHOWN]
    return first


def _part(scratch: Path, what: str, number: int) -> Path:
    return scratch / f"{what}-{number}.arrow"


def _write_part(rows: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, rows.schema) as writer:
        writer.write_table(rows)


def _read_part(path: Path) -> pa.Table:
    """Read a part by memory map: only the pages in use are in memory."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


@dataclass(frozen=True, slots=True, eq=False)
class _PublishedFile:
    """A published file and the scratch parts that it is assembled from; a history has no schema."""

    scratch: Path
    out: Path
    name: str
    parts: int
    pipeline: Pipeline
    day: str
    schema: pa.Schema | None


def _assemble(file: _PublishedFile) -> None:
    """Write a file from its parts, in the order of the partitions."""
    paths = [_part(file.scratch, file.name, number) for number in range(file.parts)]
    if file.schema is None:
        parts = [HistoryPart(_read_part(p), np.load(p.with_suffix(".npy"))) for p in paths]
        write_history(parts, file.pipeline, file.out / file.name, _versions(file))
        return
    with pq.ParquetWriter(
        file.out / file.name, file.schema, **parquet_options(file.schema)
    ) as writer:
        for path in paths:
            rows = _read_part(path).cast(file.schema)
            if rows.num_rows or len(paths) == 1:
                writer.write_table(rows, GROUP_ROWS)
    if file.name == PART:
        _write_day_files(file, paths)


def _write_day_files(file: _PublishedFile, paths: Sequence[Path]) -> None:
    """Write the files beside the good rows: digests by known day, and the day's profile."""
    versions = _versions(file)
    if versions is not None:
        write_known(map(_read_part, paths), versions, file.out)
    write_profile(map(_read_part, paths), file.pipeline, file.day, versions, file.out)


def _versions(file: _PublishedFile) -> Versions | None:
    """When each good row of the day was known: versions of a row may be in any partition."""
    table = file.pipeline.table
    if table.known_time is None:
        return None
    paths = [_part(file.scratch, PART, number) for number in range(file.parts)]
    columns = (_read_part(path).select(version_columns(table)) for path in paths)
    return versions_of(pa.concat_tables(columns), table, file.pipeline.time_zone)
