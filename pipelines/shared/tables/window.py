"""The published features of a model's days, checked to be complete and up to date.

Why: a model trained without a missing day, or on features of a replaced version, would be wrong
    without an error.
Promise: only manifests are read; a day that ingest or validation refused is omitted and listed.
"""

from dataclasses import asdict, dataclass, field

from pipelines.core.errors import InputMismatchError, InputMissingError, listed
from pipelines.core.store import Manifest
from pipelines.protocol import (
    REFUSED,
    VALIDATED,
    Work,
    day_verdict,
    input_of,
    partition_key,
    steps_to,
)
from pipelines.protocol.stage import MODEL, WINDOW
from pipelines.shared.tables.known_days import (
    content_as_known,
    known_days,
    part_as_of,
    statistics_as_of,
)
from pipelines.spec import TRAIN, Pipeline
from pipelines.spec.reach import known_by

FEATURES = "features"
WINDOW_VALIDATION = "window_validation"


@dataclass(slots=True)
class ModelWindow:
    """Features of a model's days.

    Attributes:
        work: The work for the model.
        days: Manifest of each day that has features, in order.
        refused: Days that ingest or validation refused.
    """

    work: Work
    days: dict[str, Manifest] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    _verdicts: dict[str, Manifest | None] = field(default_factory=dict)

    def inputs(self) -> dict[str, str]:
        """Digest of each day's features as of the model's day, or ``refused``."""
        every = self.work.days().all()
        digests = {day: self.digest(day) for day in self.days}
        return {f"{FEATURES}/ds={day}": digests.get(day, REFUSED) for day in every}

    def part(self, day: str) -> str:
        """The day's feature table, as known when the model's day began."""
        return part_as_of(self.days[day], self.work.model_day)

    def statistics(self, day: str) -> str:
        """Name of its statistics."""
        return statistics_as_of(self.days[day], self.work.model_day)

    def digest(self, day: str) -> str:
        """The digest of a day's features on which a model depends; later rows do not change it."""
        return features_digest(self.work.pipeline, self.days[day], self.work.model_day)

    def was_refused(self, day: str) -> bool:
        """Whether ingest or validation refused the day."""
        return self._content_now(partition_key(day), None) == REFUSED

    def has_verdict(self, key: str) -> bool:
        """Whether a partition, by its key in the store, was accepted or refused."""
        return self._with_verdict(key) is not None

    def is_current(self, manifest: Manifest) -> bool:
        """Whether every validated partition that the features were made from is still the published one.

        But for static tables: features made with an earlier version of one stay as they are until they
        are made anew for another reason, or asked for.
        """
        own = manifest.key
        cuts = known_days(self._with_verdict(own))
        named = {n.removeprefix(f"{VALIDATED}/"): was for n, was in manifest.inputs.items()}
        return all(
            self._content_now(key, None if key == own else self._cuts(key, own, cuts)) == was
            for key, was in named.items()
            if not self._is_static(key)
        )

    def _cuts(self, key: str, own: str, cuts: tuple[str, ...]) -> tuple[str, ...]:
        """By the ends of which days rows of a partition count for the features of another."""
        if cuts or _table_of(key) is None:
            return cuts
        return (known_by(self.work.pipeline, own.removeprefix("ds=")),)

    def _is_static(self, key: str) -> bool:
        """Whether a later version is no reason to make features anew: static tables grow all the time."""
        name = _table_of(key)
        return any(t.name == name and t.event_time is None for t in self.work.pipeline.tables)

    def _with_verdict(self, key: str) -> Manifest | None:
        if key not in self._verdicts:
            work, partition = self.work, key.rpartition("ds=")[2]
            self._verdicts[key] = day_verdict(
                work.store, work.pipeline.name, partition, _table_of(key)
            )
        return self._verdicts[key]

    def _content_now(self, key: str, cuts: tuple[str, ...] | None) -> str:
        """Content digest of what is validated as published now; ``refused``, or empty without a verdict."""
        manifest = self._with_verdict(key)
        if manifest is None:
            return ""
        if manifest.outcome["verdict"] == REFUSED:
            return REFUSED
        return manifest.content if cuts is None else content_as_known(manifest, cuts)


def _table_of(key: str) -> str | None:
    """The table of a partition's key in the store; None for the examples' own."""
    return key.removeprefix("table=").partition("/")[0] if key.startswith("table=") else None


def features_digest(pipeline: Pipeline, manifest: Manifest, as_of: str) -> str:
    """Digest of a day's features as known when the as-of day began; later rows do not change it."""
    if pipeline.table.known_time is None:
        return manifest.content
    return str(manifest.files[part_as_of(manifest, as_of)]["sha256"])


def window_of(work: Work) -> ModelWindow:
    """The features of every day of the model.

    Raises:
        InputMissingError: Days that were not refused have none, or have features of validated
            days that were replaced since; both are listed.
    """
    window = ModelWindow(work)
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
            f"({listed(stale)}). Run {steps_to(FEATURES)} for them first."
        )
    return window


def model_window(work: Work) -> ModelWindow:
    """The features that this run's ``validate_window`` validated; else those published now."""
    if WINDOW_VALIDATION not in work.inputs:
        return window_of(work)
    return window_as_validated(work, input_of(work, WINDOW_VALIDATION))


def window_as_validated(work: Work, validation: Manifest) -> ModelWindow:
    """The features of every day of the model, in the versions that ``validate_window`` validated.

    Args:
        work: The work for the model.
        validation: The manifest that ``validate_window`` published.

    Raises:
        InputMismatchError: It validated other days than this work's.
        InputMissingError: A version that it validated is no longer in the store.
    """
    days = {part: list(days) for part, days in asdict(work.days()).items()}
    if validation.config["days"] != days:
        raise InputMismatchError(
            f"{work.report.work}: window validation {validation.digest[:16]} is of other days "
            f"({listed(validation.config['days'][TRAIN])} to train on) than this run's "
            f"settings ({listed(days[TRAIN])}). Run {validation.stage} with this run's settings."
        )
    window = ModelWindow(work)
    for day in work.days().all():
        digest = validation.inputs[f"{FEATURES}/ds={day}"]
        if digest == REFUSED:
            window.refused = (*window.refused, day)
        else:
            window.days[day] = features_version(work, day, digest)
    return window


def features_version(work: Work, day: str, digest: str) -> Manifest:
    """The version of a day's features with that digest, published now or earlier.

    Args:
        work: The work for the model.
        day: The day.
        digest: As returned by ``features_digest`` and recorded in a training set's inputs.

    Raises:
        InputMissingError: No version in the store has it.
    """
    ref = work.partition_ref(FEATURES, day)
    now = work.find(ref)
    if now is not None and features_digest(work.pipeline, now, work.model_day) == digest:
        return now
    for kept in work.store.versions(ref):
        if features_digest(work.pipeline, kept, work.model_day) == digest:
            return kept
    raise InputMissingError(
        f"{work.report.work}: {ref.path()} was published again, and the version that this run "
        f"started from (digest {digest[:16]}) is no longer in the store. Run "
        f"{steps_to('models', scopes=(WINDOW, MODEL), pipeline=work.pipeline)} again."
    )
