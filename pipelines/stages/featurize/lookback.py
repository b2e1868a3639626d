"""Which days a day's windows read, and whether they have been validated yet.

Why: days arrive, are retried and are backfilled in any order, and a window over a day that is
    still to come would be wrong without an error.
Promise: only manifests are read, each at most once for one ``LookBack``; a refused day has a
    verdict and no rows, so nothing waits for it.
"""

from dataclasses import dataclass, field

from pipelines.core.days import days_between, shift
from pipelines.core.errors import (
    HistoryNotReadyError,
    InputMissingError,
    PartitionRefusedError,
    listed,
)
from pipelines.core.store import Manifest
from pipelines.protocol import (
    ACCEPTED,
    REFUSED,
    VALIDATED,
    Work,
    day_verdict,
    stage_of,
    steps_to,
)


@dataclass(frozen=True, slots=True)
class LookBack:
    """Validated days around one stage's work, as published when first asked for."""

    work: Work
    _seen: dict[str, Manifest | None] = field(default_factory=dict)

    def manifest(self, day: str) -> Manifest | None:
        """The manifest with the day's verdict, validate's or a refusal of ingest, or None."""
        if day not in self._seen:
            work = self.work
            self._seen[day] = day_verdict(work.store, work.pipeline.name, day)
        return self._seen[day]

    def verdict(self, day: str) -> str:
        """``accepted``, ``refused``, or empty where the day was not validated."""
        manifest = self.manifest(day)
        return "" if manifest is None else str(manifest.outcome["verdict"])

    def days(self, day: str) -> list[str]:
        """Days before it that its windows can reach, oldest first."""
        first = max(shift(day, -self.work.pipeline.look_back_days()), self.work.history_from)
        return days_between(first, shift(day, -1))

    def missing(self, day: str) -> list[str]:
        """Days it looks back on that have no verdict yet."""
        return [earlier for earlier in self.days(day) if not self.verdict(earlier)]

    def is_ready(self, day: str) -> bool:
        """Whether a day was accepted and every day it looks back on has a verdict."""
        return self.verdict(day) == ACCEPTED and not self.missing(day)

    def later(self) -> list[str]:
        """Days after this work's own whose windows reach it, and which are ready."""
        day = self.work.day
        if day < self.work.history_from:
            return []
        last = shift(day, self.work.pipeline.look_back_days())
        return [later for later in days_between(shift(day, 1), last) if self.is_ready(later)]

    def require_ready(self) -> None:
        """Raise unless this work's own day is ready.

        Raises:
            InputMissingError: The day was never validated.
            PartitionRefusedError: It was refused.
            HistoryNotReadyError: Days it looks back on have no verdict.
        """
        day, who = self.work.day, self.work.report.work
        manifest = self.manifest(day)
        if manifest is None:
            raise InputMissingError(
                f"{who}: {VALIDATED}/ds={day} is not published. Run {stage_of(VALIDATED).name} for it first."
            )
        if self.verdict(day) == REFUSED:
            raise PartitionRefusedError(
                f"{who}: {day} was refused by {manifest.stage}, so it has no features. "
                f"Repair its source and run {steps_to(VALIDATED)} again."
            )
        missing = self.missing(day)
        if missing:
            raise HistoryNotReadyError(
                f"{who}: {len(missing)} of the {len(self.days(day))} days it looks back on have "
                f"no verdict yet ({listed(missing)}). Run {steps_to(VALIDATED)} for them: "
                f"featurize of the last of them makes {day} too. Or, where the data begins later "
                f"than {self.work.history_from}, pass its first day as --history-from."
            )
