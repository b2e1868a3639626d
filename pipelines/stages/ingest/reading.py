"""The state of reading one source file: the file, its rejected lines and its progress.

Promise: it is complete once the file's blocks were read; nothing heavy is imported.
Not here: its rows (``rows.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.core.errors import SchemaError
from pipelines.protocol import Plan, Work
from pipelines.spec import Table
from pipelines.stages.ingest.rejects import Reject
from pipelines.stages.ingest.sources.source_item import SourceItem
from pipelines.stages.ingest.values.origin_rows import relative_times_of

if TYPE_CHECKING:
    from pipelines.stages.ingest.values.relative_times import RelativeTimes
    from pipelines.stages.ingest.values.times import Offsets


@dataclass(slots=True)
class Read:
    """The state of reading one file.

    Attributes:
        file: The file.
        table: Declares the columns, and which of them are sensitive.
        planned: The file's digest when the work was planned.
        time_zone: The pipeline's.
        relative: Its relative times; None if the table has none.
        extra: Columns of the file that are not declared.
        rejected: Rejected lines.
        read_share: Share of the file that has been read, from 0 to 1.
        offsets: By timestamp column, the rows of its first times with and without an offset.
    """

    file: SourceItem
    table: Table
    planned: str
    time_zone: str = "UTC"
    relative: "RelativeTimes | None" = None
    extra: tuple[str, ...] = ()
    rejected: list[Reject] = field(default_factory=list)
    read_share: float = 0.0
    offsets: dict[str, "Offsets"] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name in messages."""
        return self.file.name


def reads_of(work: Work, plan: Plan, files: Sequence[SourceItem]) -> list[Read]:
    """The files of a plan, to be read."""
    pipeline = work.pipeline
    table, relative = pipeline.marked_table(), relative_times_of(work, plan)
    return [
        Read(file, table, plan.inputs[file.name], pipeline.time_zone, relative)
        for file in files
    ]


def mixed_offsets(column: str, reads: Sequence[Read]) -> tuple[str, SchemaError] | None:
    """The file and error of a column that has times with and without an offset from UTC."""
    naive = [(read.name, at) for read in reads if (at := read.offsets[column].naive)]
    zoned = [(read.name, at) for read in reads if (at := read.offsets[column].zoned)]
    if not (naive and zoned):
        return None
    (without, there), (offset, here) = naive[0], zoned[0]
    return max(without, offset), SchemaError(
        f"Source file {offset}: column {column!r} has a time with an offset from UTC in {here}, "
        f"and {without} has one without in {there}. Expected times of one kind within a day. "
        f"Have the source write one kind, or declare source.time_zone, the zone of those without "
        f"an offset, such as 'UTC'."
    )
