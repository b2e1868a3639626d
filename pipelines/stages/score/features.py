"""The published features of the partition that is scored.

Promise: only manifests are read. Where rows may become known late, the table with all that are known by now is
    scored: each late or corrected row makes features, and so scores, anew.
"""

from dataclasses import dataclass

from pipelines.core.errors import (
    HistoryNotReadyError,
    InputMissingError,
    NothingToScoreError,
)
from pipelines.core.store import Manifest
from pipelines.protocol import VALIDATED, Work, partition_key, stage_of, steps_to
from pipelines.shared.tables.known_days import part_as_of
from pipelines.shared.tables.window import FEATURES, ModelWindow, features_digest

AFTER_ALL = "9999-12-31"


@dataclass(frozen=True, slots=True)
class FeaturesToScore:
    """A partition's features.

    Attributes:
        manifest: Their manifest.
        part: Name of the table that is scored.
        digest: Digest of its content.
    """

    manifest: Manifest
    part: str
    digest: str


def features_to_score(work: Work) -> FeaturesToScore:
    """The features of the work's partition.

    Raises:
        NothingToScoreError: The partition was refused, so it has no rows to score.
        InputMissingError: It has no features.
        HistoryNotReadyError: They were made of a version of a day that was replaced since.
    """
    window, maker = ModelWindow(work), stage_of(FEATURES).name
    if window.was_refused(work.day):
        raise NothingToScoreError(
            f"{work.report.work}: the partition was refused, so it has no scores. Look at the report of "
            f"{stage_of(VALIDATED).name} for {partition_key(work.day)}; once it is taken in, score it again."
        )
    manifest = work.find(work.partition_ref(FEATURES))
    if manifest is None:
        raise InputMissingError(
            f"{work.report.work}: {work.partition_ref(FEATURES).path()} is not published. Run "
            f"{steps_to(FEATURES)} for it first."
        )
    if not window.is_current(manifest):
        raise HistoryNotReadyError(
            f"{work.report.work}: its features are of a version of its rows, or of those before it, that was "
            f"replaced. Run {maker} for it first."
        )
    return FeaturesToScore(
        manifest,
        part_as_of(manifest, AFTER_ALL),
        features_digest(work.pipeline, manifest, AFTER_ALL),
    )
