"""The first rows of a partition's source, read and cast as ingest does.

Why: a missing column or a value of another type costs a second here, and a refused partition later.
Promise: ``LIMIT`` rows of at most ``FILES`` files are read, whatever their size; every column that cannot
    be cast is reported, not the first alone; nothing is written to the source or to a store.
Not here: what a run would make of the rows (``sample_trial.py``), what they are (``sample_facts.py``).
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from pipelines.core.errors import PartitionRefusedError, SchemaError
from pipelines.core.partitions import ALL
from pipelines.protocol import Work
from pipelines.shared.tables.schema import canonical_type
from pipelines.spec import Pipeline, Table
from pipelines.spec.origins import behind, origins_of
from pipelines.stages.ingest.delivery import Delivery
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.rows import read_blocks
from pipelines.stages.ingest.sources.locate import source_files
from pipelines.stages.ingest.sources.source_item import SourceItem
from pipelines.stages.ingest.values.relative_times import OriginRows, RelativeTimes

LIMIT, FILES = 10_000, 3
# Of the error that lists every missing column by itself.
MISSING = ": no column "


@dataclass(frozen=True, slots=True)
class SourceSample:
    """The first rows of a partition.

    Attributes:
        work: The work of ingesting it.
        rows: Rows in the declared types.
        files: Names of all files of the partition.
        is_whole: Whether these are all of its rows.
        extra: Columns of the source that are not declared.
        problems: Why ingest would refuse it; empty if it would not.
    """

    work: Work
    rows: pa.Table
    files: tuple[str, ...]
    is_whole: bool
    extra: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def table(self) -> Table:
        """The table that is sampled."""
        return self.work.pipeline.table

    def described(self) -> str:
        """Which rows they are, for messages."""
        count = f"{self.rows.num_rows:,} rows"
        return f"all {count}" if self.is_whole else f"the first {count}"


@dataclass(frozen=True, slots=True)
class _Peeked:
    """An item whose content is not compared with a plan's: there is none."""

    item: SourceItem

    @property
    def name(self) -> str:
        return self.item.name

    def digest(self) -> str:
        return ""

    def size_bytes(self) -> int:
        return self.item.size_bytes()

    def age_s(self) -> float:
        return self.item.age_s()

    def local(self) -> AbstractContextManager[Path]:
        return self.item.local()


def sample_of(work: Work, limit: int = LIMIT, files: int = FILES) -> SourceSample:
    """Read the first rows of a partition.

    Args:
        work: The work of ingesting it.
        limit: How many rows.
        files: Of how many files.

    Raises:
        ConfigError: No source was given, or it cannot be opened.
        SourceNotReadyError: There is no file, and there are no rows, yet.
    """
    table = work.pipeline.table
    items = source_files(work, table)
    zone, relative = work.pipeline.time_zone, _relative_times(work)
    marked = work.pipeline.marked_table()
    reads = [Read(_Peeked(item), marked, "", zone, relative) for item in items[:files]]
    delivery, blocks, is_whole = Delivery(work, reads), list[pa.Table](), len(items) <= files
    for done, read in enumerate(reads, start=1):
        wanted = limit - delivery.rows
        try:
            rows, ended = _first_rows(read, wanted)
        except PartitionRefusedError as error:
            delivery.refused[read.name] = error
            continue
        blocks.append(rows)
        delivery.rows += rows.num_rows
        is_whole &= ended
        if not ended:
            delivery.reads = reads[:done]
            break
    return SourceSample(
        work=work,
        rows=pa.concat_tables(blocks) if blocks else _no_rows(table),
        files=tuple(item.name for item in items),
        is_whole=is_whole and not delivery.refused,
        extra=tuple(dict.fromkeys(name for read in reads for name in read.extra)),
        problems=_problems(delivery, table),
    )


def _relative_times(work: Work) -> RelativeTimes | None:
    """The relative times of the table, with all rows of the static tables that they count from."""
    pipeline, origins = work.pipeline, origins_of(work.pipeline)
    tables = {origin.table for origin in origins.values() if origin.table}
    static = {
        table: OriginRows(sample_of(work.of_table(table, ALL), sys.maxsize, sys.maxsize).rows)
        for table in tables
    }
    zone = pipeline.table.source.time_zone or pipeline.time_zone
    return (
        RelativeTimes(origins, zone, static, pipeline.sensitive_columns()) if origins else None
    )


def _first_rows(read: Read, wanted: int) -> tuple[pa.Table, bool]:
    """So many rows of a file, and whether it has no more."""
    found, rows = [_no_rows(read.table)], 0
    with closing(read_blocks(read)) as blocks:
        for block in blocks:
            found.append(block.slice(0, wanted - rows))
            rows += block.num_rows
            if rows > wanted:
                return pa.concat_tables(found), False
    return pa.concat_tables(found), True


def _no_rows(table: Table) -> pa.Table:
    fields = [(column.name, canonical_type(column)) for column in table.columns]
    return pa.schema(fields).empty_table()


def _problems(delivery: Delivery, table: Table) -> tuple[str, ...]:
    """The error of each file; of a file whose columns cannot be cast, that of each column."""
    delivery.check(table)
    errors = [str(error) for error in delivery.refused.values()]
    for read in delivery.reads:
        if (
            isinstance(delivery.refused.get(read.name), SchemaError)
            and MISSING not in errors[0]
        ):
            errors += _column_errors(read, delivery.work.pipeline)
    return tuple(dict.fromkeys(errors))


def _column_errors(read: Read, pipeline: Pipeline) -> Iterator[str]:
    """The error of each column by itself, beside the event time that a reader may need."""
    needed = behind(pipeline, read.table.event_time)
    for column in read.table.columns:
        own = behind(pipeline, column.name) | needed
        columns = tuple(each for each in read.table.columns if each.name in own)
        alone = replace(read, table=replace(read.table, columns=columns), rejected=[])
        try:
            _first_rows(alone, LIMIT)
        except PartitionRefusedError as error:
            yield str(error)
