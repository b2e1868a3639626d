"""The validated partitions that landmarks are derived from, and whether all have a verdict yet.

Why: events arrive, are retried and are backfilled in any order, and an example that was derived without
    some of them would be wrong without an error.
Promise: only manifests are read, each once for one ``EventsBehind``. A refused partition has a verdict and
    no rows. Rows count as they were known by the end of the landmarks' partition.
Not here: which partitions they are (``pipelines/spec/reach.py``), reading them (``visits.py``).
"""

from dataclasses import dataclass, field

from pipelines.core.errors import EventsNotReadyError, listed
from pipelines.core.store import Manifest
from pipelines.core.text import counted
from pipelines.protocol import (
    REFUSED,
    VALIDATED,
    Work,
    day_verdict,
    partition_key,
    steps_to,
)
from pipelines.shared.tables.known_days import content_as_known
from pipelines.spec import Table
from pipelines.spec.reach import known_by, partitions_behind

INGESTED = "ingested"


@dataclass(frozen=True, slots=True)
class EventsBehind:
    """Partitions of the table that a work's landmarks are derived from, as published when first asked for."""

    work: Work
    _seen: dict[str, Manifest | None] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        """The table of the events."""
        pipeline = self.work.pipeline
        return pipeline.of_table(pipeline.table.derived_from or "").table

    def inputs(self, day: str) -> dict[str, str]:
        """What a partition of landmarks depends on: content by name, empty where there is no verdict."""
        by = (known_by(self.work.pipeline, day),)
        return {self._name(key): self._content(key, by) for key in self._partitions(day)}

    def accepted(self, day: str) -> dict[str, Manifest]:
        """The partitions that have rows, by name, oldest first."""
        found = {self._name(key): self._verdict(key) for key in self._partitions(day)}
        return {
            name: manifest
            for name, manifest in found.items()
            if manifest is not None and manifest.outcome["verdict"] != REFUSED
        }

    def require_ready(self, day: str) -> None:
        """Raise unless each partition that a partition of landmarks is derived from has a verdict.

        Raises:
            EventsNotReadyError: Some have none.
        """
        missing = [key for key in self._partitions(day) if self._verdict(key) is None]
        if missing:
            name, verb = self.table.name, "has" if len(missing) == 1 else "have"
            raise EventsNotReadyError(
                f"{self.work.report.work}: {counted(len(missing), 'partition')} of table {name}, which its "
                f"rows are derived from, {verb} no verdict yet ({listed(missing)}). Run "
                f"{steps_to(VALIDATED)} with --table {name} for them first (--partition {missing[0]}). "
                f"Or, where its data begins later, declare its first day as the table's start."
            )

    def outdated(self) -> list[str]:
        """Later partitions of landmarks that were derived from other versions than are published now."""
        work, keys = self.work, self.work.store.keys(self.work.pipeline.name, INGESTED)
        days = (key.removeprefix("ds=") for key in keys if key.startswith(partition_key("")))
        return [day for day in days if day > work.day and self._is_outdated(day)]

    def _is_outdated(self, day: str) -> bool:
        manifest, now = self.work.find(self.work.partition_ref(INGESTED, day)), self.inputs(day)
        return manifest is not None and all(now.values()) and manifest.inputs != now

    def _partitions(self, day: str) -> list[str]:
        return partitions_behind(self.work.pipeline, self.table, day, self.work.history_from)

    def _name(self, key: str) -> str:
        return f"{VALIDATED}/{partition_key(key, self.table.name)}"

    def _content(self, key: str, by: tuple[str, ...]) -> str:
        manifest = self._verdict(key)
        if manifest is None:
            return ""
        if manifest.outcome["verdict"] == REFUSED:
            return REFUSED
        return content_as_known(manifest, by)

    def _verdict(self, key: str) -> Manifest | None:
        if key not in self._seen:
            work = self.work
            self._seen[key] = day_verdict(work.store, work.pipeline.name, key, self.table.name)
        return self._seen[key]
