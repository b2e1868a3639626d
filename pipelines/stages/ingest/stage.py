"""Stage ``ingest``: convert a day of source files to one typed table, or refuse it.

Promise: rows keep the source's order and are numbered by it; the same bytes in the source give
    the same bytes in the store, whatever the number of threads; a file that changes while it is
    read is not published; a day whose files cannot be read is published as refused, with the
    reason, so that no other stage waits for it.
Not here: finding files (``locate.py``), reading one (``rows.py``), writing rows (``day.py``).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import (
    PartitionRefusedError,
    SourceNotReadyError,
    SourceUnreadableError,
    listed,
)
from pipelines.core.text import counted
from pipelines.protocol import REFUSED, Plan, StageOutcome, Work, code_of
from pipelines.shared.compute.machine import usable_cores
from pipelines.shared.compute.settings import ComputeSettings
from pipelines.spec import Table
from pipelines.stages.ingest.locate import DENIED, SourceFile, source_files
from pipelines.stages.ingest.reading import Read, mixed_offsets
from pipelines.stages.ingest.rejects import described

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.stages.ingest.day import DayWriter

REFUSAL = "refusal.json"
RAGGED, MISQUOTED = "source.fields", "source.quotes"
"""Rule ids under which rejected lines are counted, in addition to validation's rules."""


def plan(work: Work) -> Plan:
    """Plan by the content of the day's files and the declared types."""
    table = work.pipeline.table
    return Plan(
        inputs={file.name: file.digest() for file in source_files(work, table)},
        config={
            "table": table.name,
            "source": asdict(table.source),
            "columns": [[c.name, c.type, c.decimals] for c in work.pipeline.stored.columns],
            "composites": work.pipeline.composites(),
            "ids": _ids(work, table),
        },
        code=code_of(__name__),
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Read, check and cast each file; write the day's rows, or the reason for their refusal.

    Raises:
        SourceNotReadyError: A file changed, has gone, or is still being written.
    """
    table = work.pipeline.table
    files = source_files(work, table)
    _require_planned(work, files, plan)
    day = _DaySources(work, [Read(file, table, plan.inputs[file.name]) for file in files])
    day.read_files(out)
    day.require_one_clock(table)
    day.require_few_rejects(table)
    return day.refused_outcome(out) if day.refused else day.outcome(out)


@dataclass(slots=True)
class _DaySources:
    """The day's files while they are read, and their errors."""

    work: Work
    reads: Sequence[Read]
    rows: int = 0
    refused: dict[str, PartitionRefusedError] = field(default_factory=dict)
    _sizes: list[int] = field(default_factory=list)

    def read_files(self, out: Path) -> None:
        """Write the rows of every file; after a refused file, the next ones are still checked."""
        from pipelines.stages.ingest.day import DayWriter
        from pipelines.stages.ingest.prefetch import prefetched
        from pipelines.stages.ingest.rows import read_blocks

        threads = ComputeSettings.from_options(self.work.options).workers or usable_cores()
        pipeline = self.work.pipeline
        writer = DayWriter(pipeline.stored, self.work.day, out, pipeline.composites())
        opening = [partial(read_blocks, read) for read in self.reads]
        with prefetched(opening, threads) as files:
            for done, (read, blocks) in enumerate(zip(self.reads, files, strict=True)):
                self._read_file(read, blocks, writer)
                read.read_share = 1.0
                self._report_progress(f"{done + 1} of {len(self.reads)} files")
        writer.close()

    def _read_file(self, read: Read, blocks: "Iterator[pa.Table]", writer: "DayWriter") -> None:
        try:
            for block in blocks:
                if not self.refused:
                    writer.add(block)
                self.rows += block.num_rows
                self._report_progress(read.name)
        except PartitionRefusedError as error:
            self.refused[read.name] = error

    def _report_progress(self, note: str) -> None:
        self._sizes = self._sizes or [read.file.size_bytes() for read in self.reads]
        shares = zip(self.reads, self._sizes, strict=True)
        read_bytes = round(sum(read.read_share * size for read, size in shares))
        of_bytes = (read_bytes, sum(self._sizes))
        self.work.report.progress(self.rows, None, "rows", note, of_bytes)

    @property
    def rejected(self) -> int:
        """Number of rejected lines."""
        return sum(self.quarantined().values())

    def quarantined(self) -> dict[str, int]:
        """Number of rejected lines by rule id."""
        found = [reject for read in self.reads for reject in read.rejected]
        by_rule = {
            RAGGED: sum(reject.lines for reject in found if not reject.why),
            MISQUOTED: sum(reject.lines for reject in found if reject.why),
        }
        return {rule: lines for rule, lines in by_rule.items() if lines}

    def require_one_clock(self, table: Table) -> None:
        """Refuse the day if some of a column's times have an offset from UTC and others do not."""
        if self.refused or table.source.time_zone is not None:
            return
        for name in self.reads[0].offsets:
            found = mixed_offsets(name, self.reads)
            if found is not None:
                self.refused[found[0]] = found[1]
                return

    def require_few_rejects(self, table: Table) -> None:
        """Refuse the day if more lines were rejected than the declaration allows."""
        lines, most = self.rows + self.rejected, table.files.max_rejected_share
        if self.rejected > most * lines:
            first = next(read for read in self.reads if read.rejected)
            self.refused[first.name] = SourceUnreadableError(
                f"Source file {first.name}: {described(first.rejected)}; {self.rejected:,} of the "
                f"day's {lines:,} lines are rejected, more than source.max_rejected_share = {most:.2%} "
                f"allows. Correct those lines, quote values that contain a delimiter, or have the "
                f"file written again."
            )

    def outcome(self, out: Path) -> StageOutcome:
        """The outcome of an accepted day."""
        self._log_undeclared()
        self._write_rejects(out)
        return StageOutcome(
            rows=self.rows,
            metrics={"files": float(len(self.reads)), "lines_rejected": float(self.rejected)},
            reason=self._rejected_reason(),
            quarantined=self.quarantined(),
        )

    def refused_outcome(self, out: Path) -> StageOutcome:
        """The outcome of a refused day: remove its rows, and record the reason for each file."""
        from pipelines.stages.ingest.day import remove_rows

        remove_rows(out)
        self._write_rejects(out)
        digests = {r.name: None if r.planned == DENIED else r.planned for r in self.reads}
        files = [
            {
                "file": name,
                "sha256": digests[name],
                "error": type(e).__name__,
                "message": str(e),
            }
            for name, e in self.refused.items()
        ]
        (out / REFUSAL).write_text(json.dumps({"files": files}, indent=1) + "\n")
        first, *others = self.refused.values()
        more = f" {len(others)} more files are refused: see {REFUSAL}." if others else ""
        return StageOutcome(
            rows=0,
            metrics={"files": float(len(self.reads)), "lines_rejected": float(self.rejected)},
            verdict=REFUSED,
            reason=f"{first}{more}",
            quarantined=self.quarantined(),
            refused_as=type(first).__name__,
        )

    def _write_rejects(self, out: Path) -> None:
        from pipelines.stages.ingest.day import write_rejects

        if self.rejected:
            write_rejects({read.name: read.rejected for read in self.reads}, out)

    def _rejected_reason(self) -> str:
        if not self.rejected:
            return ""
        files = [read.name for read in self.reads if read.rejected]
        every = [reject for read in self.reads for reject in read.rejected]
        return (
            f"{self.rejected:,} lines of {listed(files)} were rejected: {described(every)}; "
            f"they are in rejected-lines.parquet."
        )

    def _log_undeclared(self) -> None:
        extra = {name: read.name for read in self.reads for name in read.extra}
        if extra:
            self.work.report.log(
                f"{counted(len(extra), 'column')} of the source {'is' if len(extra) == 1 else 'are'} "
                f"not declared and ignored: {listed(extra)} (first in {next(iter(extra.values()))}). "
                f"Declare what is needed."
            )


def _ids(work: Work, table: Table) -> list[str]:
    """What the file of ids depends on in addition to the rows; empty where there is none."""
    return [] if table.unique_days == 1 else [table.id_column, table.time_column, work.day]


def _require_planned(work: Work, files: list[SourceFile], plan: Plan) -> None:
    names = [file.name for file in files]
    if names != list(plan.inputs):
        raise SourceNotReadyError(
            f"{work.report.work}: the source's files changed while they were read, from "
            f"{len(plan.inputs)} to {len(names)}. Expected a complete delivery. Run it again."
        )
