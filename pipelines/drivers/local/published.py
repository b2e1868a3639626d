"""What the store holds already, and what has to be made.

Why: a second run must leave alone what is published, however it came to be there.
Promise: the question asked is the one a stage asks itself: is the digest of the work published?
Not here: doing the work (``pipelines/protocol/perform.py``).
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.core.errors import PipelineError
from pipelines.core.events import Reporter
from pipelines.core.store import Manifest, Store
from pipelines.drivers.local.demo_days import Window
from pipelines.drivers.local.home import Home
from pipelines.protocol import (
    REFUSED,
    Stage,
    Work,
    chain_stages,
    day_verdict,
    ref_of,
    stage_named,
)
from pipelines.protocol.stage import MODEL, PARTITION, WINDOW
from pipelines.spec import Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A pipeline's artifacts in a home's store.

    Attributes:
        pipeline: The declaration.
        home: Whose store.
        window: The days the source holds.
    """

    pipeline: Pipeline
    home: Home
    window: Window

    @property
    def day_stages(self) -> tuple[Stage, ...]:
        """The stages of a day, in order."""
        return chain_stages(PARTITION, pipeline=self.pipeline)

    @property
    def model_stages(self) -> tuple[Stage, ...]:
        """The stages of a model, in order."""
        return chain_stages(WINDOW, MODEL, pipeline=self.pipeline)

    def work(self, stage: str, *, day: str | None = None, as_of: str | None = None) -> Work:
        """A stage's work, as its Airflow task describes it."""
        return Work(
            pipeline=self.pipeline,
            store=Store(f"file://{self.home.store}"),
            report=Reporter(stage),
            partition=day,
            as_of=as_of,
            source=str(self.home.source),
            history_from=self.window.first,
        )

    def manifest(
        self, stage: str, *, day: str | None = None, as_of: str | None = None
    ) -> Manifest | None:
        """What a stage published last for a day, or for a model."""
        work = self.work(stage, day=day, as_of=as_of)
        return work.store.find(ref_of(stage_named(stage), work))

    def manifests(self, stage: str) -> list[Manifest]:
        """What a stage published for the window's days."""
        found = (self.manifest(stage, day=day) for day in self.window.all_days())
        return [manifest for manifest in found if manifest is not None]

    def lacking_days(self) -> list[str]:
        """Days whose work differs from what is published; a refused day lacks nothing more."""
        return [day for day in self.window.all_days() if not self._day_is_current(day)]

    def model_is_current(self, as_of: str) -> bool:
        """Whether the model of an as-of day needs no work."""
        works = [(each, self.work(each.name, as_of=as_of)) for each in self.model_stages]
        return _are_current(works)

    def _day_is_current(self, day: str) -> bool:
        works = [(each, self.work(each.name, day=day)) for each in self.day_stages]
        verdict = day_verdict(Store(f"file://{self.home.store}"), self.pipeline.name, day)
        if verdict is not None and verdict.outcome["verdict"] == REFUSED:
            names = [each.name for each in self.day_stages]
            works = works[: names.index(verdict.stage) + 1]
        return _are_current(works)


def _are_current(works: Sequence[tuple[Stage, Work]]) -> bool:
    try:
        return all(_is_current(stage, work) for stage, work in works)
    except PipelineError:
        # An input that a stage cannot plan without: there is work to do.
        return False


def _is_current(stage: Stage, work: Work) -> bool:
    manifest = work.store.find(ref_of(stage, work))
    if manifest is None:
        return False
    digest: str = importlib.import_module(stage.module).plan(work).digest()
    return manifest.digest == digest
