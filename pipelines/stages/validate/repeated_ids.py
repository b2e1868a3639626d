"""The earlier days whose ids a day repeats, and the later days whose verdict is outdated.

Why: a stuck export delivers a day again under another date, and each of its rows is valid by itself.
Promise: of two days with an id in common it is the later by date whose row is a repeat, whichever
    of them was ingested first, so days in any order, at any parallelism, end with the same
    verdicts. A day is compared with others only, so running it again is idempotent. Only manifests
    and the ids' files are read.
Not here: the ids' files (``pipelines/shared/tables/ids.py``), validating the
    rows (``pipelines/shared/expectations/new_ids.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pipelines.core.days import shift
from pipelines.core.store import Manifest
from pipelines.protocol import VALIDATED, Work, partition_key
from pipelines.shared.expectations.rules import NEW_IDS, CheckedRule
from pipelines.shared.tables import IDS
from pipelines.spec import Table

if TYPE_CHECKING:
    from pipelines.shared.tables.ids import Keys

INGESTED, INPUT = "ingested", "ids shared with ds="


@dataclass(frozen=True, slots=True)
class RepeatedIds:
    """The ids of the days around the work's day, as published when first read."""

    work: Work
    _keys: "dict[str, Keys | None]" = field(default_factory=dict)

    def of(self, day: str) -> dict[str, str]:
        """Number and digest of the ids that a day shares with earlier days, by day."""
        own = self._keys_of(day) if self._table.compares_ids else None
        if own is None:
            return {}
        shared = {other: self._shared(own, other) for other in self._earlier(day)}
        return {other: what for other, what in shared.items() if what}

    def with_days(
        self, rules: Sequence[CheckedRule], shared: Mapping[str, str]
    ) -> list[CheckedRule]:
        """The rules, the one about new ids with the days that share ids, and their folders."""
        refs = [self.work.partition_ref(INGESTED, day) for day in shared]
        folders = [str(self.work.store.open(self.work.need(ref))) for ref in refs]
        also = {"days": list(shared), "folders": folders}
        return [
            replace(rule, kwargs={**rule.kwargs, **also})
            if rule.expectation == NEW_IDS
            else rule
            for rule in rules
        ]

    def outdated(self) -> list[str]:
        """Later validated days that share other ids now than when they were validated."""
        validated = {day: self._validated(day) for day in self._later()}
        return [
            day
            for day, manifest in validated.items()
            if manifest is not None and self.of(day) != shared_in(manifest.inputs)
        ]

    @property
    def _table(self) -> Table:
        return self.work.pipeline.table

    def _validated(self, day: str) -> Manifest | None:
        return self.work.find(self.work.partition_ref(VALIDATED, day))

    def _shared(self, own: "Keys", day: str) -> str:
        from pipelines.shared.tables.ids import in_common

        theirs = self._keys_of(day)
        return "" if theirs is None else in_common(own, theirs)

    def _keys_of(self, day: str) -> "Keys | None":
        """Keys of an ingested day; None where it has none or was refused."""
        from pipelines.shared.tables.ids import open_keys

        if day not in self._keys:
            manifest = self.work.find(self.work.partition_ref(INGESTED, day))
            exists = manifest is not None and IDS in manifest.files
            self._keys[day] = (
                open_keys(self.work.store.open(manifest) / IDS) if manifest and exists else None
            )
        return self._keys[day]

    def _earlier(self, day: str) -> list[str]:
        if self._table.unique_days is None:
            return [other for other in self._published(INGESTED) if other < day]
        partitions = self.work.pipeline.partitions()
        first = partitions.first_day(day)
        near = partitions.of_days(shift(first, 1 - self._table.unique_days), first)
        return [other for other in near if other < day]

    def _later(self) -> list[str]:
        if self._table.unique_days is None:
            return [day for day in self._published(VALIDATED) if day > self.work.day]
        if not self._table.compares_ids:
            return []
        partitions = self.work.pipeline.partitions()
        last = partitions.last_day(self.work.day)
        near = partitions.of_days(last, shift(last, self._table.unique_days - 1))
        return [other for other in near if other > self.work.day]

    def _published(self, dataset: str) -> list[str]:
        keys = self.work.store.keys(self.work.pipeline.name, dataset)
        of_table = partition_key("", self.work.table)
        return [key.removeprefix(of_table) for key in keys if key.startswith(of_table)]


def inputs_of(shared: Mapping[str, str]) -> dict[str, str]:
    """Inputs of a day's verdict from other days."""
    return {f"{INPUT}{day}": what for day, what in shared.items()}


def shared_in(inputs: Mapping[str, str]) -> dict[str, str]:
    """What is shared, by day, from the inputs of a plan or a manifest."""
    return {n.removeprefix(INPUT): what for n, what in inputs.items() if n.startswith(INPUT)}
