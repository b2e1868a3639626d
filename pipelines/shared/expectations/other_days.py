"""The days that a day is compared with: those before it, or all behind a model's window.

Why: a day alone does not show that its labels stopped or its unit changed.
Promise: only manifests and published profiles are read. What ``validate`` sees depends on which days
    were published when it ran, so it is noted beside the verdict and is not part of it; what
    ``validate_window`` sees is pinned by the features of the window.
Not here: the comparison (``day_compare.py``).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.days import parse_day, shift
from pipelines.core.errors import ArtifactError
from pipelines.core.partitions import Partitions
from pipelines.core.store import Manifest
from pipelines.protocol import ACCEPTED, VALIDATED, Work, day_verdict, steps_to
from pipelines.shared.expectations.day_columns import (
    PROFILE,
    DayProfile,
    profile_known_by,
    unshown_columns,
)
from pipelines.shared.tables.known_days import content_as_known
from pipelines.shared.tables.window import FEATURES, ModelWindow

if TYPE_CHECKING:
    from pipelines.shared.expectations.day_compare import Compared


def remedy() -> str:
    """What to do about a day that is unlike others."""
    return (
        f"Correct the source of such a day and run {steps_to(FEATURES)} for it again, or name it in "
        f"validation.days.excused if it is right"
    )


def compared_before(work: Work, folder: Path) -> "Compared | None":
    """A day beside those before it that are published; None where none is asked for.

    Args:
        work: The day's.
        folder: Holds the day's own profile.
    """
    from pipelines.shared.expectations.day_compare import compare_day

    gate, day = work.pipeline.validation.days, work.day
    if not gate.days_back:
        return None
    partitions = work.pipeline.partitions()
    data_from = partitions.of_day(work.history_from)
    first = max(partitions.shift(day, -gate.days_back), data_from)
    # Each as it was known by its own end: labels and late rows of none have more time than those
    # of another.
    others = _published(work, partitions.between(first, partitions.shift(day, -1)))
    own = json.loads((folder / PROFILE).read_text())
    beside = {
        other: profile_known_by(each, partitions.last_day(other))
        for other, each in others.items()
    }
    unshown = unshown_columns(work.pipeline)
    known = own["known"][partitions.last_day(day)]
    return compare_day(day, known, _there(beside), gate, unshown, partitions)


def noted_of(compared: "Compared | None") -> str:
    """What is noted of a day beside its verdict; empty where it is like those before."""
    from pipelines.shared.expectations.day_compare import REFUSE, WARN

    if compared is None or not compared.odd(WARN, REFUSE):
        return ""
    far = compared.odd(REFUSE)
    beyond = " A window with this day will be refused." if far else ""
    differences = compared.text(WARN, REFUSE)
    return f"unlike the {len(compared.days)} days before it. {differences}.{beyond} {remedy()}."


def _published(work: Work, days: Iterable[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for day in days:
        try:
            manifest = _accepted(work, day)
            if manifest is not None:
                found[day] = json.loads(work.store.read_file(manifest, PROFILE))
        except ArtifactError as error:
            # The day that is validated has no part in it.
            work.report.log(f"WARNING: not compared with {day}: {error}")
    return found


def _accepted(work: Work, day: str) -> Manifest | None:
    """A day's manifest if it was accepted and has a profile; those of earlier releases have none."""
    manifest = day_verdict(work.store, work.pipeline.name, day)
    accepted = manifest is not None and manifest.outcome["verdict"] == ACCEPTED
    return manifest if accepted and manifest is not None and PROFILE in manifest.files else None


def _there(profiles: Mapping[str, DayProfile | None]) -> dict[str, DayProfile]:
    return {day: profile for day, profile in profiles.items() if profile is not None}


@dataclass(frozen=True, slots=True)
class Behind:
    """Every day behind a model's window: its own, and those that their windows look back on.

    Attributes:
        work: The model's.
        window: Features of its days.
        manifests: Of the accepted days that have a profile, by day, oldest first.
    """

    work: Work
    window: ModelWindow
    manifests: Mapping[str, Manifest]

    def inputs(self) -> dict[str, str]:
        """Digest of what each day's profile says to this model."""
        return {f"profile ds={day}": self._digest(m) for day, m in self.manifests.items()}

    def compared(self) -> "list[Compared]":
        """Each day of the window that has rows, beside the other days around it.

        Raises:
            ArtifactError: A profile is missing or damaged.
        """
        profiles = {
            day: json.loads(self.work.store.read_file(manifest, PROFILE))
            for day, manifest in self.manifests.items()
        }
        return [self._compared(day, profiles) for day in self.window.days if day in profiles]

    def _compared(self, day: str, profiles: Mapping[str, Any]) -> "Compared":
        from pipelines.shared.expectations.day_compare import Compared, compare_day

        gate, last = self.work.pipeline.validation.days, shift(self.work.model_day, -1)
        partitions = self.work.pipeline.partitions()
        nth = partitions.number(day)
        own = profile_known_by(profiles[day], last)
        near = [d for d in profiles if 0 < abs(partitions.number(d) - nth) <= gate.days_back]
        # A day before is seen as it was at the age that this one has now.
        beside = {
            d: profile_known_by(profiles[d], min(shift(last, _apart(partitions, d, day)), last))
            for d in near
        }
        if own is None:
            return Compared(day=day, days=(), why_not="none of its rows was known")
        unshown = unshown_columns(self.work.pipeline)
        return compare_day(day, own, _there(beside), gate, unshown, partitions)

    def _digest(self, manifest: Manifest) -> str:
        if self.work.pipeline.table.known_time is None:
            return str(manifest.files[PROFILE]["sha256"])
        return content_as_known(manifest, [shift(self.work.model_day, -1)])


def behind_window(work: Work, window: ModelWindow) -> Behind:
    """The days behind a window: none where nothing is to be compared.

    The features' manifests name them with their content, and were checked to be current, so they
    are the same whoever asks and whatever else is published.
    """
    prefix = f"{VALIDATED}/ds="
    days = {
        name.removeprefix(prefix)
        for manifest in window.days.values()
        for name in manifest.inputs
        if name.startswith(prefix)
    }
    wanted = sorted(days) if work.pipeline.validation.days.days_back else []
    found = {day: _accepted(work, day) for day in wanted}
    return Behind(work, window, {day: m for day, m in found.items() if m is not None})


def _apart(partitions: Partitions, one: str, other: str) -> int:
    """Days from the end of one partition to the end of another."""
    ends = [parse_day(partitions.last_day(key)) for key in (one, other)]
    return (ends[0] - ends[1]).days
