"""One source file as blocks of rows in the declared types.

Why: a day may be larger than memory, so rows pass through in blocks and nothing holds a file.
Promise: the blocks' rows are the file's, in its order, whatever the blocks' sizes; what was
    noticed on the way (undeclared columns, rejected lines) is there once the blocks are read.
Not here: the formats (``parquet.py``, ``delimited.py``), casting a value (``cast.py``).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.core.errors import SchemaError
from pipelines.spec import Table
from pipelines.stages.ingest.locate import SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.stages.ingest.times import Offsets


@dataclass(frozen=True, slots=True)
class Reject:
    """Lines of a CSV file that are no row.

    Attributes:
        line: The line they begin on, from 1.
        fields: Fields they have, read as one row.
        expected: Fields the first line has.
        text: The lines.
        lines: How many they are.
        why: What is wrong with their quotation marks; empty where the number of fields is wrong.
    """

    line: int
    fields: int
    expected: int
    text: str
    lines: int = 1
    why: str = ""


@dataclass(slots=True)
class Read:
    """The reading of one file.

    Attributes:
        file: The file.
        table: Declares the columns.
        planned: The file's digest when the work was planned.
        extra: Columns of the file that are not declared.
        rejected: Lines that were kept apart.
        read_share: How much of the file has been read, from 0 to 1.
        offsets: By timestamp column, where its first times with and without an offset are.
    """

    file: SourceFile
    table: Table
    planned: str
    extra: tuple[str, ...] = ()
    rejected: list[Reject] = field(default_factory=list)
    read_share: float = 0.0
    offsets: dict[str, "Offsets"] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name in messages."""
        return self.file.name

    def blocks(self) -> Generator["pa.Table", None, None]:
        """Rows in the declared types, in order.

        Raises:
            SourceNotReadyError: The file has gone, changed, or is still being written.
            SourceUnreadableError: It cannot be read and will not change by itself.
            SchemaError: It is not the declared table.
        """
        import pyarrow as pa

        from pipelines.stages.ingest.cast import from_text, from_typed
        from pipelines.stages.ingest.damage import second_look
        from pipelines.stages.ingest.delimited import read_delimited
        from pipelines.stages.ingest.parquet import read_parquet
        from pipelines.stages.ingest.times import Clock, Offsets

        is_text = self.table.source.format == "csv"
        cast, reader = (from_text, read_delimited) if is_text else (from_typed, read_parquet)
        clock = Clock.of_source(self.table.source)
        times = [c.name for c in self.table.columns if c.type == "timestamp"]
        self.offsets = {name: Offsets() for name in times}
        with second_look(self.file, self.planned), self.file.local() as path:
            for rows, place in reader(path, self):
                for name in times:
                    self.offsets[name].look(rows[name], place)
                yield pa.table(
                    {
                        c.name: cast(rows[c.name], c, self.name, place, clock)
                        for c in self.table.columns
                    }
                )


def mixed_offsets(column: str, reads: Sequence[Read]) -> tuple[str, SchemaError] | None:
    """The file and error of a column that has times with an offset from UTC and without one."""
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
