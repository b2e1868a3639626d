"""What a settlement is made from: the scores that were given, the labels, and whose events were known.

Promise: only manifests are read; what became known after the partition was over does not count where rows have a known
    time, and else the newest published version does.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from pipelines.core.errors import InputMissingError
from pipelines.core.store import Manifest, Ref
from pipelines.protocol import REFUSED, Work, day_verdict, partition_key, steps_to
from pipelines.shared.tables.known_days import part_as_of
from pipelines.shared.tables.window import FEATURES, ModelWindow, features_digest
from pipelines.spec import Binary, Outcome, Pipeline, Survival, head_settings, model_days
from pipelines.spec.maturing import day_after, matured_in

SCORES, NONE = "scores", "none"
GIVEN, REPLACED, ASKED, SHADOW = ROLES = ("given", "replaced", "asked", "shadow")
"""Scores as published, as published before, of a version that somebody asked for, of a challenger."""


@dataclass(frozen=True, slots=True)
class PartitionScores:
    """The scores of a partition: of each artifact its role and its manifest, in the order of ``ROLES``."""

    partition: str
    artifacts: tuple[tuple[str, Manifest], ...]

    def inputs(self) -> dict[str, str]:
        """Content of each version, by name; ``none`` where the partition was never scored."""
        found = {f"{SCORES}/ds={self.partition}": NONE}
        for role, manifest in self.artifacts:
            name = f"{SCORES}/{manifest.key}"
            name += f" {manifest.digest[:16]}" if role == REPLACED else ""
            found[name] = manifest.content
        return found


@dataclass(frozen=True, slots=True)
class MaturedPartition:
    """A partition whose labels have become known.

    Attributes:
        scores: Its scores.
        features: Its rows with their labels, as published now; None where there is nothing to measure.
        says: Why there is nothing to measure; empty where there is.
    """

    scores: PartitionScores
    features: Manifest | None
    says: str


@dataclass(frozen=True, slots=True)
class SettlementInputs:
    """Everything that a settlement reads.

    Attributes:
        known_on: The day in which its partition is over.
        own: The partition's own scores; without any where the partition was refused.
        matured: Partitions whose labels became known in it, oldest first.
        before: Features of the days on which an entity's event may have been known, by partition.
    """

    known_on: str
    own: PartitionScores
    matured: tuple[MaturedPartition, ...]
    before: dict[str, Manifest] = field(default_factory=dict)

    def digests(self, pipeline: Pipeline) -> dict[str, str]:
        """Digest of each input, by its name."""
        found = self.own.inputs()
        for each in self.matured:
            found |= each.scores.inputs()
            if each.features is not None:
                name = f"{FEATURES}/ds={each.scores.partition}"
                found[name] = features_digest(pipeline, each.features, self.known_on)
        return found | {
            f"{FEATURES}/ds={day}": features_digest(pipeline, manifest, self.known_on)
            for day, manifest in self.before.items()
        }


def settlement_inputs(work: Work) -> SettlementInputs:
    """Find what the settlement of a partition is made from.

    Raises:
        InputMissingError: The partition was not scored, or a scored one whose labels are known has no features.
    """
    pipeline = work.pipeline
    own = scores_of(work, work.day)
    if not own.artifacts and not _was_refused(work, work.day):
        raise InputMissingError(
            f"{work.report.work}: {SCORES}/ds={work.day} is not published, so there is nothing to settle. Score the "
            f"partition first: python -m pipelines stage score {pipeline.name} --store {work.store.uri} "
            f"--partition {work.day}"
        )
    matured = tuple(_matured(work, each) for each in _since_the_start(work))
    known_on = day_after(pipeline, work.day)
    scored = [each.scores.partition for each in matured if each.features is not None]
    return SettlementInputs(known_on, own, matured, _before(work, [work.day, *scored]))


def scores_of(work: Work, partition: str) -> PartitionScores:
    """Every version of a partition's scores that is in the store, that of today first."""
    ref = work.partition_ref(SCORES, partition)
    now = work.find(ref)
    given = [] if now is None else [(GIVEN, now)]
    today = "" if now is None else now.digest
    kept = [(REPLACED, each) for each in work.store.own_versions(ref) if each.digest != today]
    return PartitionScores(partition, (*given, *kept, *_asked(work, partition)))


def _asked(work: Work, partition: str) -> Iterator[tuple[str, Manifest]]:
    """Scores of a partition by versions that somebody asked for, beside those that were given."""
    for key in sorted(work.store.keys(work.pipeline.name, SCORES)):
        if key.endswith(f"/{partition_key(partition)}"):
            manifest = work.find(Ref(work.pipeline.name, SCORES, key))
            if manifest is not None:
                yield ASKED, manifest


def known_partitions(pipeline: Pipeline, partition: str) -> list[str]:
    """Partitions of which an entity's event may be known when this one is over: a model's days then."""
    return list(model_days(pipeline, day_after(pipeline, partition)).all())


def unsupported(pipeline: Pipeline) -> str:
    """Why scores cannot be compared with labels; empty where they can."""
    if isinstance(pipeline.label, Outcome):
        return (
            f"The label is an Outcome: events of table {pipeline.label.table} after the row. Realised metrics are made "
            f"for labels that are a column of the row (Label); evaluate measures models of outcomes."
        )
    if isinstance(pipeline.head, Survival):
        return (
            "The head is Survival: rows that are followed for a shorter time need weights that are estimated on training "
            "rows. Realised metrics are made for the other heads; evaluate measures models of times."
        )
    return ""


def _since_the_start(work: Work) -> list[str]:
    """Partitions that matured, without those before the first day of data."""
    first = work.pipeline.partitions().of_day(work.history_from)
    return [each for each in matured_in(work.pipeline, work.day) if each >= first]


def _matured(work: Work, partition: str) -> MaturedPartition:
    scores = scores_of(work, partition)
    says = unsupported(work.pipeline)
    if not says and not scores.artifacts:
        says = f"{partition} was never scored, so there is nothing to compare its labels with."
    if not says and _was_refused(work, partition):
        says = f"{partition} was refused since it was scored: its labels are not known."
    return MaturedPartition(scores, None if says else _features(work, partition), says)


def _features(work: Work, partition: str) -> Manifest:
    manifest = work.find(work.partition_ref(FEATURES, partition))
    if manifest is None or not ModelWindow(work).is_current(manifest):
        state = (
            "none are published"
            if manifest is None
            else "they are of a version that was replaced"
        )
        raise InputMissingError(
            f"{work.report.work}: the labels of {partition} are read from its features, and {state}. Run "
            f"{steps_to(FEATURES)} for {partition} first."
        )
    return manifest


def _before(work: Work, settled: list[str]) -> dict[str, Manifest]:
    """Features of the days whose events may be known, as far as there are any."""
    if not leaves_out_known(work.pipeline):
        return {}
    days = {day for each in settled for day in known_partitions(work.pipeline, each)}
    found = {day: work.find(work.partition_ref(FEATURES, day)) for day in sorted(days)}
    return {day: manifest for day, manifest in found.items() if manifest is not None}


def leaves_out_known(pipeline: Pipeline) -> bool:
    """Whether rows of entities whose event is known do not count."""
    is_event = isinstance(pipeline.head, Binary) and not unsupported(pipeline)
    return is_event and pipeline.evaluation.exclude_known


def label_part(inputs: SettlementInputs, manifest: Manifest) -> str:
    """Name of the feature table with the rows that were known by then."""
    return part_as_of(manifest, inputs.known_on)


def settled_settings(pipeline: Pipeline) -> dict[str, Any]:
    """What a settlement depends on beside its inputs."""
    return {
        "evaluation": asdict(pipeline.evaluation),
        "head": head_settings(pipeline.head),
        "label": {"kind": type(pipeline.label).__name__.lower(), **asdict(pipeline.label)},
        "seed": pipeline.training.seed,
    }


def _was_refused(work: Work, partition: str) -> bool:
    verdict = day_verdict(work.store, work.pipeline.name, partition)
    return verdict is not None and verdict.outcome.get("verdict") == REFUSED
