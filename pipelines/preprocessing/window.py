"""The published features of a model's days, checked to be there and up to date.

Why: a model trained on a day that is missing, or on features of a version that was replaced,
    would be wrong without an error.
Promise: only manifests are read; a day that ingest or validation refused is left out and
    said so.
"""

from dataclasses import dataclass, field

from pipelines.errors import InputMissingError, listed
from pipelines.stages import REFUSED, VALIDATED, Work, judged_day
from pipelines.store import Manifest

FEATURES = "features"


@dataclass(slots=True)
class Window:
    """Features of a model's days.

    Attributes:
        work: Whose days they are.
        days: Manifest of each day that has features, in order.
        refused: Days that ingest or validation refused.
    """

    work: Work
    days: dict[str, Manifest] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    _contents: dict[str, str] = field(default_factory=dict)

    def inputs(self) -> dict[str, str]:
        """Content digest of each day's features, or ``refused``."""
        every = self.work.days().all()
        digests = {day: manifest.content for day, manifest in self.days.items()}
        return {f"{FEATURES}/ds={day}": digests.get(day, REFUSED) for day in every}

    def _content_now(self, name: str) -> str:
        """Content of a validated day as it is published now; ``refused`` or empty if so."""
        if name not in self._contents:
            day = name.removeprefix(f"{VALIDATED}/ds=")
            manifest = judged_day(self.work.store, self.work.pipeline.name, day)
            refused = manifest is not None and manifest.outcome["verdict"] == REFUSED
            content = "" if manifest is None else manifest.content
            self._contents[name] = REFUSED if refused else content
        return self._contents[name]

    def was_refused(self, day: str) -> bool:
        """Whether ingest or validation refused the day."""
        return self._content_now(f"{VALIDATED}/ds={day}") == REFUSED

    def is_current(self, manifest: Manifest) -> bool:
        """Whether every validated day behind some features is still the published one."""
        return all(self._content_now(name) == was for name, was in manifest.inputs.items())


def window_of(work: Work) -> Window:
    """The features of every day of the model.

    Raises:
        InputMissingError: Days that were not refused have none, or have features of validated
            days that were replaced since; both are listed.
    """
    window = Window(work)
    every = work.days().all()
    window.refused = tuple(day for day in every if window.was_refused(day))
    missing, stale = [], []
    for day in (day for day in every if day not in window.refused):
        manifest = work.find(work.partition_ref(FEATURES, day))
        if manifest is None:
            missing.append(day)
        elif not window.is_current(manifest):
            stale.append(day)
        else:
            window.days[day] = manifest
    if missing or stale:
        raise InputMissingError(
            f"{work.report.work}: of its {len(every)} days, {len(missing)} have no features "
            f"({listed(missing)}) and {len(stale)} have features of a version that was replaced "
            f"({listed(stale)}). Run ingest, validate and featurize for them first."
        )
    return window
