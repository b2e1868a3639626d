"""Splitting a day into its good rows and its quarantine, one part of it at a time.

Why: a day may be larger than memory, and every row of it must end in one of the two.
Promise: a task holds one partition; its pieces go to scratch files, and the published files are
    put together from those, one piece (or one hash bucket) in memory at a time. The bytes follow
    from the ingested file, not from workers or the order in which tasks end.
Not here: which rows fail (``engine.py``), what that means for the day (``verdict.py``).
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
    """Rows of a partition.

    Attributes:
        rows: All of them.
        bad: Those that a rule keeps out.
        by_rule: Failing rows of each rule that keeps any out.
    """

    rows: int
    bad: int
    by_rule: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """One partition's share.

    Attributes:
        evaluated: Where the failing rows are.
        partition: Which rows.
        keeping: Findings whose rows are kept out.
        showing: Findings whose first rows the report shows.
        good_before: Good rows in the partitions before.
        scratch: Folder for the pieces.
        pipeline: Declares columns, entities and buckets.
        day: The partition of the data.
        run: Identity of the run.
        keep_good: Whether the good rows will be published.
    """

    evaluated: "Evaluated"
    partition: "Partition"
    keeping: "tuple[RuleResult, ...]"
    showing: "tuple[RuleResult, ...]"
    good_before: int
    scratch: Path
    pipeline: Pipeline
    day: str
    run: str
    keep_good: bool

    def piece(self, what: str) -> Path:
        """Scratch file of a piece."""
        return _piece(self.scratch, what, self.partition.number)


def count_rows(
    evaluated: "Evaluated", keeping: "Sequence[RuleResult]", compute: Compute
) -> list[Counted]:
    """How many rows of each partition are kept out."""
    tasks = [(evaluated, partition, tuple(keeping)) for partition in evaluated.partitions]
    return compute.map(_count, tasks)


def split_rows(
    evaluated: "Evaluated",
    keeping: "Sequence[RuleResult]",
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
        evaluated: What the rules found.
        keeping: Findings whose rows are kept out, in the order of the rules.
        counted: What ``count_rows`` said.
        compute: What tasks run on.
        pipeline: Declares columns, entities and buckets.
        day: The partition.
        run: Identity of the run, for the quarantine.
        keep_good: Whether good rows are written.
        scratch: Folder for pieces, on a disk that workers share.
        out: Where the published files go.
        on_rows: Told the rows of each partition that is done.

    Returns:
        The first failing rows of each rule that has some.
    """
    before = np.cumsum([0, *(part.rows - part.bad for part in counted)])
    showing = tuple(finding for finding in evaluated.findings if finding.failing)
    tasks = [
        _Task(
            evaluated=evaluated,
            partition=partition,
            keeping=tuple(keeping),
            showing=showing,
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
    schemas: dict[str, pa.Schema | None] = {QUARANTINE: quarantine_schema(pipeline.table)}
    if keep_good:
        schemas[PART] = table_schema(pipeline.table)
        schemas |= {history_name(entity.name): None for entity in pipeline.entities}
    files = [_File(scratch, out, name, parts, pipeline, day, s) for name, s in schemas.items()]
    compute.map(_put_together, files)
    return _first(found for _, found in firsts)


def _count(task: "tuple[Evaluated, Partition, tuple[RuleResult, ...]]") -> Counted:
    evaluated, partition, keeping = task
    failing = _failing(evaluated, partition, keeping)
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
    for places in failing:
        is_bad[places] = True
    return is_bad


def _split(task: _Task) -> tuple[int, First]:
    """One partition's pieces, and the first failing rows of each rule."""
    ingested = _read(task.partition)
    failing = _failing(task.evaluated, task.partition, task.keeping)
    rules = [finding.rule for finding in task.keeping]
    lines = quarantine_lines(rules, failing, ingested, task.pipeline.table, task.day, task.run)
    _write_piece(lines, task.piece(QUARANTINE))
    if task.keep_good:
        _write_good(task, ingested, _is_bad(failing, ingested.num_rows))
    shown = _failing(task.evaluated, task.partition, task.showing)
    found = {
        finding.rule.name: _shown(finding.rule, rows[:SHOWN], ingested)
        for finding, rows in zip(task.showing, shown, strict=True)
    }
    return ingested.num_rows, found


def _write_good(task: _Task, ingested: pa.Table, is_bad: NDArray[np.bool_]) -> None:
    good = ingested.filter(pa.array(~is_bad)) if is_bad.any() else ingested
    _write_piece(good, task.piece(PART))
    for entity in task.pipeline.entities:
        piece = history_part(good, task.pipeline, entity.name, task.good_before)
        path = task.piece(history_name(entity.name))
        _write_piece(piece.rows, path)
        np.save(path.with_suffix(".npy"), piece.ends)


def _read(partition: "Partition") -> pa.Table:
    with pq.ParquetFile(partition.path, page_checksum_verification=True) as file:
        if not partition.row_groups:
            return file.schema_arrow.empty_table()
        return file.read_row_groups(list(partition.row_groups), use_threads=False)


def _shown(
    rule: CheckedRule, rows: NDArray[np.int64], ingested: pa.Table
) -> list[dict[str, Any]]:
    values = failing_values(rule, rows, ingested).to_pylist()
    places = ingested[ROW].take(rows).to_pylist()
    return [{"row": row, "value": value} for row, value in zip(places, values, strict=True)]


def _first(founds: Iterator[Mapping[str, list[dict[str, Any]]]]) -> First:
    first: First = {}
    for found in founds:
        for rule, rows in found.items():
            first[rule] = [*first.get(rule, []), *rows][:SHOWN]
    return first


def _piece(scratch: Path, what: str, number: int) -> Path:
    return scratch / f"{what}-{number}.arrow"


def _write_piece(rows: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, rows.schema) as writer:
        writer.write_table(rows)


def _read_piece(path: Path) -> pa.Table:
    """A piece, by memory map: only what is looked at is in memory."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """One published file: of which pieces, and where it goes; a history has no schema here."""

    scratch: Path
    out: Path
    name: str
    parts: int
    pipeline: Pipeline
    day: str
    schema: pa.Schema | None


def _put_together(file: _File) -> None:
    """Write a file from its pieces, in the order of the partitions."""
    paths = [_piece(file.scratch, file.name, number) for number in range(file.parts)]
    if file.schema is None:
        pieces = [HistoryPart(_read_piece(p), np.load(p.with_suffix(".npy"))) for p in paths]
        write_history(pieces, file.pipeline, file.out / file.name, _versions(file))
        return
    with pq.ParquetWriter(
        file.out / file.name, file.schema, **parquet_options(file.schema)
    ) as writer:
        for path in paths:
            rows = _read_piece(path).cast(file.schema)
            if rows.num_rows or len(paths) == 1:
                writer.write_table(rows, GROUP_ROWS)
    if file.name == PART:
        _tell_of_day(file, paths)


def _tell_of_day(file: _File, paths: Sequence[Path]) -> None:
    """Beside the good rows: what was known when, and the profile that other days are compared with."""
    versions = _versions(file)
    if versions is not None:
        write_known(map(_read_piece, paths), versions, file.out)
    write_profile(map(_read_piece, paths), file.pipeline, file.day, versions, file.out)


def _versions(file: _File) -> Versions | None:
    """When each good row of the day was known: versions of a row may lie in any partition."""
    table = file.pipeline.table
    if table.known_time is None:
        return None
    paths = [_piece(file.scratch, PART, number) for number in range(file.parts)]
    told = (_read_piece(path).select(version_columns(table)) for path in paths)
    return versions_of(pa.concat_tables(told), table)
