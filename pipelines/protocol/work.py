"""What a stage is given and what it gives back.

Why: every stage has the same shape, so that one protocol can memoise, publish, retry and
    explain all of them.
Promise: a stage reads through ``Work``, writes only below the folder it is given, and says
    what its result depends on before it starts.
Not here: calling a stage (``perform.py``), which stages there are (``catalog.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self

from pipelines.core.errors import ConfigError, InputMissingError, PartitionRefusedError
from pipelines.core.events import Reporter
from pipelines.core.store import Manifest, Ref, Store, work_digest
from pipelines.core.store.branch_names import name_on_branch
from pipelines.core.text import message
from pipelines.protocol.catalog import stage_of
from pipelines.protocol.stage import PARTITION, WINDOW, Stage
from pipelines.spec import ModelDays, Pipeline, model_days

ACCEPTED, REFUSED = "accepted", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One stage's work on one partition, or on one as-of day.

    Attributes:
        pipeline: Declaration, with this run's settings applied.
        store: Where artifacts are read and published.
        partition: Key of a partition, for stages that work by partition.
        table: The table that is taken in, where it is not the examples'; ``pipeline`` is then as
            ``Pipeline.of_table`` returns it.
        as_of: As-of day, for stages that make a model.
        source: URI of the source root; only ``ingest`` reads it.
        history_from: First day of data; no window looks back beyond it.
        report: Where progress goes.
        fetched: Rows that the request has fetched from databases, by table, so that each query is run
            once; all works of a request share it.
        options: What a caller asks of one stage beside its settings (``promote_older``).
        inputs: Digest of each result that this run passed to the stage, by its name
            (``training_set``, ``model``); what is not among them is read as published now.
    """

    pipeline: Pipeline
    store: Store
    report: Reporter
    partition: str | None = None
    table: str | None = None
    as_of: str | None = None
    source: str | None = None
    history_from: str
    fetched: dict[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def day(self) -> str:
        """The partition."""
        if self.partition is None:
            raise ConfigError("This stage works on a partition. Pass --partition YYYY-MM-DD.")
        return self.partition

    @property
    def model_day(self) -> str:
        """The as-of day."""
        if self.as_of is None:
            raise ConfigError("This stage makes a model. Pass --as-of YYYY-MM-DD.")
        return self.as_of

    @property
    def registered_name(self) -> str:
        """Name of the registered model and the experiment, of which each branch has its own."""
        return name_on_branch(self.pipeline.name, self.store.branch)

    def days(self) -> ModelDays:
        """Days that train and test the model of this as-of day."""
        return model_days(self.pipeline, self.model_day)

    def on(self, day: str) -> Self:
        """The same work on another partition of its table."""
        return replace(self, partition=day)

    def of_table(self, name: str, partition: str | None = None) -> Self:
        """The same work on a partition of a table, whose gate and entities its pipeline then has."""
        table = None if name == self.pipeline.examples else name
        return replace(
            self, pipeline=self.pipeline.of_table(name), table=table, partition=partition
        )

    def partition_ref(self, dataset: str, day: str | None = None) -> Ref:
        """The artifact of a dataset for a partition, by default this work's own."""
        return Ref(self.pipeline.name, dataset, partition_key(day or self.day, self.table))

    def model_ref(self, dataset: str) -> Ref:
        """The artifact of a dataset for this as-of day and seed."""
        seed = self.pipeline.training.seed
        return Ref(self.pipeline.name, dataset, f"as_of={self.model_day}/seed={seed}")

    def window_ref(self, dataset: str) -> Ref:
        """The artifact of a dataset for this as-of day, whatever the seed."""
        return Ref(self.pipeline.name, dataset, f"as_of={self.model_day}")

    def find(self, ref: Ref) -> Manifest | None:
        """A published artifact, or None."""
        return self.store.find(ref)

    def need(self, ref: Ref) -> Manifest:
        """A published artifact that must be there.

        Raises:
            InputMissingError: It is not; says which stage makes it.
            PartitionRefusedError: That stage refused the partition.
        """
        manifest = self.store.find(ref)
        if manifest is None:
            raise InputMissingError(
                f"{self.report.work}: {ref.path()} is not published. Run "
                f"{stage_of(ref.dataset).name} for it first."
            )
        return self.accepted(manifest)

    def accepted(self, manifest: Manifest) -> Manifest:
        """The same manifest, if its stage did not refuse the partition.

        Raises:
            PartitionRefusedError: It did.
        """
        if manifest.outcome.get("verdict") == REFUSED:
            raise PartitionRefusedError(
                f"{self.report.work}: {manifest.key} was refused by {manifest.stage}. "
                f"{manifest.outcome['reason']}"
            )
        return manifest

    def scratch(self, plan: "Plan", ref: Ref) -> Path:
        """A folder for this work's checkpoints, kept over kills and removed at its end."""
        return self.store.scratch(ref, plan.digest())


def partition_key(partition: str, table: str | None = None) -> str:
    """Key of an artifact of a partition; the examples' table, None, needs no name."""
    return f"ds={partition}" if table is None else f"table={table}/ds={partition}"


def partition_named(key: str) -> str:
    """A key of a partition as people read it: ``2026-01-31``, or ``labs 2026-01``."""
    return key.removeprefix("table=").replace("ds=", "").replace("/", " ")


def ref_of(stage: Stage, work: Work) -> Ref:
    """The artifact that this work publishes."""
    of = {PARTITION: work.partition_ref, WINDOW: work.window_ref}
    usual = of.get(stage.scope, work.model_ref)(stage.dataset)
    chosen = work.options.get(stage.variant) if stage.variant else None
    return replace(usual, key=f"{stage.variant}={chosen}/{usual.key}") if chosen else usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a stage's work depends on, known before it is done.

    Attributes:
        inputs: Content digest of each input, by a name a person recognises.
        config: Settings the result depends on.
        code: Digest of all source that the stage can reach, and versions of libraries.
        made_from: The manifests behind the inputs, by name, so that ``run`` reads the versions
            that were planned, whatever is published meanwhile. No part of the digest.
    """

    inputs: Mapping[str, str]
    config: Mapping[str, Any]
    code: Mapping[str, str]
    made_from: Mapping[str, Manifest] = field(default_factory=dict)

    def digest(self) -> str:
        """The digest that names this work."""
        return work_digest(self.inputs, self.config, self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOutcome:
    """The short facts of a result; everything large is in the published files.

    Attributes:
        rows: Rows the work read or made.
        metrics: Headline numbers, by name.
        verdict: ``accepted`` or ``refused`` for a partition; BETTER, NOT_BETTER or REJECTED for a
            model; empty where the stage gives no verdict.
        reason: One or two sentences behind the verdict.
        quarantined: Quarantined rows, by rule.
        refused_as: Class of the error that a refusal is raised as, where it is not
            ``PartitionRefusedError`` itself.
        details: More short facts, reported beside these (``fate``).
        volatile: Published files (or folders ending in ``/``) that differ from run to run
            and are not part of the content digest.
        pages_missing: Why a page could not be made, by its name; no part of the content either.
        noted: What was seen beside the verdict and depends on what else was published then; no
            part of the content digest.
    """

    rows: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    verdict: str = ""
    reason: str = ""
    quarantined: Mapping[str, int] = field(default_factory=dict)
    volatile: tuple[str, ...] = ()
    refused_as: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    pages_missing: Mapping[str, str] = field(default_factory=dict)
    noted: str = ""

    def facts(self) -> dict[str, Any]:
        """The part that is recorded in the manifest and in its content digest."""
        refused_as = {"refused_as": self.refused_as} if self.refused_as else {}
        return {**refused_as, **self.details} | {
            "rows": self.rows,
            "metrics": dict(self.metrics),
            "verdict": self.verdict,
            "reason": message(self.reason),
            "quarantined": dict(self.quarantined),
        }


class StageModule(Protocol):
    """What a stage package's ``stage`` module offers.

    One whose work changes something outside the store also offers ``effects_stand(work, plan,
    manifest)``: whether that is still there, for a manifest found published. It may mend what is
    not; where it says no, the work is done again.
    """

    def plan(self, work: Work) -> Plan:
        """Say what the work depends on; imports nothing heavy."""

    def run(self, work: Work, plan: Plan, out: Path) -> StageOutcome:
        """Do the work, writing below ``out`` only."""
