"""Which partitions a partition's features read, and whether they have been validated yet.

Why: partitions arrive, are retried and are backfilled in any order, and a window over one that is
    still to come would be wrong without an error.
Promise: only manifests are read, each at most once for one ``LookBack``; a refused partition has a
    verdict and no rows, so nothing waits for it; a static table must have been accepted.
Not here: which partitions those are (``pipelines/spec/reach.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from pipelines.core.errors import (
    HistoryNotReadyError,
    InputMissingError,
    PartitionRefusedError,
    TableNotReadyError,
    listed,
)
from pipelines.core.store import Manifest
from pipelines.core.text import counted
from pipelines.protocol import (
    ACCEPTED,
    REFUSED,
    VALIDATED,
    Work,
    day_verdict,
    partition_key,
    partition_named,
    stage_of,
    steps_to,
)
from pipelines.spec.reach import (
    other_tables,
    partitions_after,
    partitions_before,
    partitions_of_other,
)


@dataclass(frozen=True, slots=True)
class ReadPartition:
    """A partition whose rows are read: of which table (None for the examples' own), and which."""

    table: str | None
    partition: str

    @property
    def key(self) -> str:
        """Its key in the store."""
        return partition_key(self.partition, self.table)

    @property
    def name(self) -> str:
        """As inputs of a plan name it."""
        return f"{VALIDATED}/{self.key}"


@dataclass(frozen=True, slots=True)
class LookBack:
    """Validated partitions around one stage's work, as published when first asked for."""

    work: Work
    _seen: dict[ReadPartition, Manifest | None] = field(default_factory=dict)

    def manifest(self, of: ReadPartition) -> Manifest | None:
        """The manifest with a partition's verdict, validate's or a refusal of ingest, or None."""
        if of not in self._seen:
            work = self.work
            found = day_verdict(work.store, work.pipeline.name, of.partition, of.table)
            self._seen[of] = found
        return self._seen[of]

    def verdict(self, of: ReadPartition) -> str:
        """``accepted``, ``refused``, or empty where the partition was not validated."""
        manifest = self.manifest(of)
        return "" if manifest is None else str(manifest.outcome["verdict"])

    def own(self) -> ReadPartition:
        """This work's own partition."""
        return ReadPartition(None, self.work.day)

    def days(self, day: str) -> list[ReadPartition]:
        """Partitions of the examples before one that its windows can reach, oldest first."""
        pipeline = self.work.pipeline
        back = pipeline.look_back_days()
        keys = partitions_before(pipeline, day, self.work.history_from, back)
        return [ReadPartition(None, key) for key in keys]

    def others(self, day: str) -> list[ReadPartition]:
        """Partitions of other tables that a partition's features read, oldest first."""
        pipeline = self.work.pipeline
        reached = partial(
            partitions_of_other, pipeline, key=day, history_from=self.work.history_from
        )
        return [
            ReadPartition(table.name, key)
            for table in other_tables(pipeline)
            for key in reached(table=table, days=pipeline.look_back_days(table.name))
        ]

    def missing(self, day: str) -> list[ReadPartition]:
        """Partitions that a partition's features read and that have no verdict yet."""
        return [each for each in (*self.days(day), *self.others(day)) if not self.verdict(each)]

    def is_ready(self, day: str) -> bool:
        """Whether a partition was accepted and every one that it reads has a verdict."""
        if self.verdict(ReadPartition(None, day)) != ACCEPTED or self.missing(day):
            return False
        return all(self.verdict(each) == ACCEPTED for each in self._static(day))

    def later(self) -> list[str]:
        """Partitions after this work's own whose windows reach it, and which are ready."""
        work = self.work
        if work.day < work.pipeline.partitions().of_day(work.history_from):
            return []
        return [day for day in partitions_after(work.pipeline, work.day) if self.is_ready(day)]

    def require_ready(self) -> None:
        """Raise unless this work's own partition is ready.

        Raises:
            InputMissingError: The partition was never validated.
            PartitionRefusedError: It was refused, or a static table that it reads.
            TableNotReadyError: Partitions of other tables that it reads have no verdict.
            HistoryNotReadyError: Only partitions of its own table have none.
        """
        day, who = self.work.day, self.work.report.work
        manifest = self.manifest(self.own())
        if manifest is None:
            raise InputMissingError(
                f"{who}: {VALIDATED}/ds={day} is not published. Run {stage_of(VALIDATED).name} for it first."
            )
        if self.verdict(self.own()) == REFUSED:
            raise PartitionRefusedError(
                f"{who}: {day} was refused by {manifest.stage}, so it has no features. "
                f"Repair its source and run {steps_to(VALIDATED)} again."
            )
        missing = self.missing(day)
        if missing:
            # A later run of the examples makes up for their own; nothing does for another table.
            waiting = any(each.table for each in missing)
            error = TableNotReadyError if waiting else HistoryNotReadyError
            raise error(f"{who}: {' '.join(self._lacking(missing))}")
        self._require_static(day)

    def _lacking(self, missing: list[ReadPartition]) -> Iterator[str]:
        day, own = self.work.day, [each.partition for each in missing if each.table is None]
        if own:
            yield (
                f"{len(own)} of the {len(self.days(day))} days it looks back on have "
                f"no verdict yet ({listed(own)}). Run {steps_to(VALIDATED)} for them: "
                f"featurize of the last of them makes {day} too. Or, where the data begins later "
                f"than {self.work.history_from}, pass its first day as --history-from."
            )
        for table in other_tables(self.work.pipeline):
            of_table = [each.partition for each in missing if each.table == table.name]
            if of_table:
                yield (
                    f"{counted(len(of_table), 'partition')} of table {table.name} that it reads "
                    f"{'has' if len(of_table) == 1 else 'have'} no verdict yet ({listed(of_table)}). Run {steps_to(VALIDATED)} with --table {table.name} "
                    f"for them first (--partition {of_table[0]}). Or, where its data begins later, "
                    f"declare its first day as the table's start."
                )

    def _static(self, day: str) -> list[ReadPartition]:
        static = {t.name for t in self.work.pipeline.tables if t.event_time is None}
        return [each for each in self.others(day) if each.table in static]

    def _require_static(self, day: str) -> None:
        for each in self._static(day):
            if self.verdict(each) == REFUSED:
                raise PartitionRefusedError(
                    f"{self.work.report.work}: {partition_named(each.key)} was refused, and the "
                    f"features read it. Repair its source and run {steps_to(VALIDATED)} with --table "
                    f"{each.table} again."
                )
