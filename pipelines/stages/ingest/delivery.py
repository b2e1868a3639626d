"""The files of a delivery while they are read: their rows, their rejected lines, their errors.

Why: a partition's files and the files for all time are read, checked and refused in the same way.
Promise: after a refused file the next ones are still checked, so that all errors are reported at once.
Not here: finding the files (``sources/locate.py``), reading one (``rows.py``), what is made of the rows
    (``stage.py``, ``splits.py``).
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import PartitionRefusedError, SourceUnreadableError, listed
from pipelines.core.text import counted
from pipelines.protocol import REFUSED, StageOutcome, Work
from pipelines.shared.compute.machine import usable_cores
from pipelines.shared.compute.settings import ComputeSettings
from pipelines.shared.tables.erased_rows import ErasedRows
from pipelines.spec import Source, Table
from pipelines.stages.ingest.reading import Read, mixed_offsets
from pipelines.stages.ingest.rejects import Reject, described
from pipelines.stages.ingest.sources.locate import DENIED

if TYPE_CHECKING:
    import pyarrow as pa

REFUSAL = "refusal.json"


@dataclass(slots=True)
class Delivery:
    """Files of one table while they are read.

    Attributes:
        work: Whose files they are.
        reads: The state of each file.
        rows: Rows read so far.
        refused: The error of each refused file, by name.
        erased: Leaves out the rows of erased entities.
    """

    work: Work
    reads: Sequence[Read]
    rows: int = 0
    refused: dict[str, PartitionRefusedError] = field(default_factory=dict)
    erased: ErasedRows | None = None
    _sizes: list[int] = field(default_factory=list)

    def read_files(self, add: "Callable[[pa.Table], None]") -> None:
        """Pass on the rows of every file, block by block, until one is refused.

        Args:
            add: Called with each block of rows, in the declared types and in the files' order.
        """
        from pipelines.stages.ingest.prefetch import prefetched
        from pipelines.stages.ingest.rows import read_blocks

        threads = ComputeSettings.from_options(self.work.options).workers or usable_cores()
        opening = [partial(read_blocks, read) for read in self.reads]
        with prefetched(opening, threads) as files:
            for done, (read, blocks) in enumerate(zip(self.reads, files, strict=True)):
                self._read_file(read, blocks, add)
                read.read_share = 1.0
                self._report_progress(f"{done + 1} of {len(self.reads)} files")

    def _read_file(
        self, read: Read, blocks: "Iterator[pa.Table]", add: "Callable[[pa.Table], None]"
    ) -> None:
        try:
            for block in blocks:
                if not self.refused:
                    add(block)
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
        lines: Counter[str] = Counter()
        for read in self.reads:
            for reject in read.rejected:
                lines[reject.rule] += reject.lines
        return dict(sorted(lines.items()))

    def check(self, table: Table) -> None:
        """Refuse the files if their times are of two kinds, or too many of their lines were rejected."""
        self._check_clock(table)
        self._check_rejects(table)

    def _check_clock(self, table: Table) -> None:
        if self.refused or table.source.time_zone is not None:
            return
        for name in self.reads[0].offsets:
            found = mixed_offsets(name, self.reads)
            if found is not None:
                self.refused[found[0]] = found[1]
                return

    def _check_rejects(self, table: Table) -> None:
        if not isinstance(table.source, Source):
            return
        lines, most = self.rows + self.rejected, table.source.max_rejected_share
        if self.rejected > most * lines:
            first = next(read for read in self.reads if read.rejected)
            self.refused[first.name] = SourceUnreadableError(
                f"Source file {first.name}: {described(first.rejected)}; {self.rejected:,} of the "
                f"{lines:,} lines are rejected, more than source.max_rejected_share = {most:.2%} "
                f"allows. Correct those lines, quote values that contain a delimiter, or have the "
                f"file written again."
            )

    def outcome(self, out: Path) -> StageOutcome:
        """The outcome of accepted files."""
        erased = self.erased.rows if self.erased else 0
        self._log_undeclared()
        self._write_rejects(out)
        return StageOutcome(
            rows=self.rows - erased,
            metrics={
                "files": float(len(self.reads)),
                "lines_rejected": float(self.rejected),
                **({"rows_erased": float(erased)} if erased else {}),
            },
            reason=self._rejected_reason(),
            quarantined=self.quarantined(),
        )

    def refused_outcome(self, out: Path) -> StageOutcome:
        """The outcome of refused files: record the reason for each."""
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
            write_rejects({read.name: self._kept(read.rejected) for read in self.reads}, out)

    def _kept(self, rejected: Sequence[Reject]) -> list[Reject]:
        """The lines that name no erased entity."""
        return [r for r in rejected if not (self.erased and self.erased.are_named_in(r.text))]

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
