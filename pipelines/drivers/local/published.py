"""What the store holds already, and what has to be made.

Why: a second run must leave alone what is published, however it came to be there.
Promise: the question asked is the one a stage asks itself: is the digest of the work published?
Not here: doing the work (``pipelines/protocol/perform.py``).
"""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.core.errors import PipelineError
from pipelines.core.events import Reporter
from pipelines.core.partitions import ALL, DAY
from pipelines.core.store import Manifest, Store
from pipelines.drivers.chain_summary import PROMOTED
from pipelines.drivers.local.demo_window import Window
from pipelines.drivers.local.home import Home
from pipelines.protocol import (
    REFUSED,
    Stage,
    Work,
    chain_stages,
    day_verdict,
    giver_of,
    ref_of,
    stage_named,
    stage_of,
    stages,
)
from pipelines.protocol.stage import MODEL, PARTITION, SCORE_DAG, WINDOW
from pipelines.shared.registry import champion_on, read_registry, registry_uri
from pipelines.spec import Pipeline, Table, model_days

SCORED = 2
"""Partitions that are scored at each end of the days with a champion: the first ones' labels are known at the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A pipeline's artifacts in a home's store.

    Attributes:
        pipeline: The declaration.
        home: Whose store.
        window: The partitions that the source has.
    """

    pipeline: Pipeline
    home: Home
    window: Window

    @property
    def _store(self) -> str:
        return f"file://{self.home.store}"

    @property
    def day_stages(self) -> tuple[Stage, ...]:
        """The stages of a day, in order."""
        return chain_stages(PARTITION, pipeline=self.pipeline)

    @property
    def model_stages(self) -> tuple[Stage, ...]:
        """The stages of a model, in order."""
        return chain_stages(WINDOW, MODEL, pipeline=self.pipeline)

    @property
    def score_stages(self) -> tuple[Stage, ...]:
        """The stages of the score DAG, in order."""
        return tuple(each for each in stages(self.pipeline) if each.group == SCORE_DAG)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that a run of the examples' partition takes in: theirs, static ones, others of its grain."""
        own = self.pipeline.table.grain
        return tuple(t for t in self.pipeline.tables if t.event_time is None or t.grain == own)

    def work(self, stage: str, *, key: str | None = None, as_of: str | None = None) -> Work:
        """A stage's work, as its Airflow task describes it."""
        return Work(
            pipeline=self.pipeline,
            store=Store(self._store),
            report=Reporter(stage),
            partition=key,
            as_of=as_of,
            source=str(self.home.source_of(self.pipeline.name)),
            history_from=self.window.first_day,
        )

    def manifest(
        self, stage: str, *, key: str | None = None, as_of: str | None = None
    ) -> Manifest | None:
        """What a stage published last for a partition of the examples, or for a model."""
        return _found(stage_named(stage), self.work(stage, key=key, as_of=as_of))

    def first_model_day(self) -> str | None:
        """As-of day of a model whose first scored labels are known in the last partitions; None without room for one."""
        if self.window.grain != DAY:
            return None
        settled = self.pipeline.label.settled_days() + SCORED - 1
        as_of = self.window.calendar.shift(self.window.last, -settled)
        begins = model_days(self.pipeline, as_of).train[0]
        return as_of if begins >= self.window.first else None

    def has_champion(self, day: str) -> bool:
        """Whether some version is the champion of a day."""
        held = read_registry(registry_uri(Store(self._store)), self.pipeline.name)
        return champion_on(held, day) is not None

    def to_score(self, as_of: str) -> tuple[list[str], int | None]:
        """The first and last partitions that have a champion, and None; without any the last one, and the version.

        A partition before the first champion's day has none, and is scored with a chosen version.
        """
        every = self.window.all_partitions()
        with_champion = [
            k for k in every if self.has_champion(self.window.calendar.first_day(k))
        ]
        if with_champion:
            ends = (*with_champion[:SCORED], *with_champion[-SCORED:])
            return list(dict.fromkeys(ends)), None
        promoted = self.manifest(giver_of(PROMOTED).name, as_of=as_of)
        number = None if promoted is None else int(promoted.outcome["version"])
        return (every[-1:], number) if number is not None else ([], None)

    def scored(self, keys: Sequence[str], version: int | None) -> list[Manifest]:
        """What scoring published for some partitions."""
        record = stage_of("scores")
        works = (self.work(record.name, key=key) for key in keys)
        options = {} if version is None else {record.variant: str(version)}
        found = (_found(record, replace(work, options=options)) for work in works)
        return [manifest for manifest in found if manifest is not None]

    def manifests(self, stage: str) -> list[Manifest]:
        """What a stage published for the window, of every table that it takes in."""
        record = stage_named(stage)
        tables = self.tables if record.each_table else (self.pipeline.table,)
        works = (work for table in tables for work in self._works(stage, table))
        found = (_found(record, work) for work in works)
        return [manifest for manifest in found if manifest is not None]

    def lacking(self) -> list[str]:
        """Partitions whose work differs from what is published; a refused one lacks nothing more."""
        return [key for key in self.window.all_partitions() if not self._is_current(key)]

    def may_derive(self, key: str) -> bool:
        """Whether a partition's rows are derived from another table, which has a verdict up to it."""
        read = self.pipeline.table.derived_from
        store, name = Store(f"file://{self.home.store}"), self.pipeline.name
        earlier = (each for each in self.window.all_partitions() if each <= key)
        return bool(read) and all(day_verdict(store, name, each, read) for each in earlier)

    def model_is_current(self, as_of: str) -> bool:
        """Whether the model of an as-of day needs no work."""
        works = [(each, self.work(each.name, as_of=as_of)) for each in self.model_stages]
        return _are_current(works)

    def _works(self, stage: str, table: Table) -> Iterator[Work]:
        """A stage's work on each partition of a table."""
        keys = [ALL] if table.event_time is None else self.window.all_partitions()
        for key in keys:
            yield self._of_table(self.work(stage, key=key), table, key)

    def _of_table(self, work: Work, table: Table, key: str) -> Work:
        own = table.name == self.pipeline.examples
        return work if own else work.of_table(table.name, key)

    def _is_current(self, key: str) -> bool:
        others = [table for table in self.tables if table.name != self.pipeline.examples]
        for table in others:
            part = ALL if table.event_time is None else key
            works = [
                (each, self._of_table(self.work(each.name, key=part), table, part))
                for each in self.day_stages
                if each.each_table
            ]
            if not _are_current(works):
                return False
        return self._examples_are_current(key)

    def _examples_are_current(self, key: str) -> bool:
        works = [(each, self.work(each.name, key=key)) for each in self.day_stages]
        verdict = day_verdict(Store(f"file://{self.home.store}"), self.pipeline.name, key)
        if verdict is not None and verdict.outcome["verdict"] == REFUSED:
            names = [each.name for each in self.day_stages]
            works = works[: names.index(verdict.stage) + 1]
        return _are_current(works)


def _found(stage: Stage, work: Work) -> Manifest | None:
    return work.store.find(ref_of(stage, work))


def _are_current(works: Sequence[tuple[Stage, Work]]) -> bool:
    try:
        return all(_is_current(stage, work) for stage, work in works)
    except PipelineError:
        # An input that a stage cannot plan without: there is work to do.
        return False


def _is_current(stage: Stage, work: Work) -> bool:
    manifest = _found(stage, work)
    if manifest is None:
        return False
    digest: str = importlib.import_module(stage.module).plan(work).digest()
    return manifest.digest == digest
