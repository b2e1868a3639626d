"""The models of a backtest: made by the stages, found where they were made before.

Why: a policy is measured by the models that it would really have had.
Promise: each is the model that a scheduled run of its as-of day and settings makes, to the bit; it met no champion
    of the registry, and nothing is registered. What production has published stays published.
Not here: when one is made (``policies.py``, ``triggers.py``), whether it is used (``replay.py``).
"""

import json
import re
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.core.errors import PartitionRefusedError, TrainingError
from pipelines.core.events import Reporter
from pipelines.core.store import Manifest, Store
from pipelines.drivers.chain import ChainRequest, make_model
from pipelines.drivers.chain_summary import StageTotals, Totals
from pipelines.protocol import Work, giver_of, ref_of, stage_named
from pipelines.spec import Pipeline, with_settings

TRAINED, EVALUATED, PREPARED = "model", "evaluation", "training_set"
SECONDS_OF_MINUTE = 60
GPUS = re.compile(r"(\d+) GPU")


@dataclass(frozen=True, slots=True, kw_only=True)
class PastModel:
    """A model as of a past day.

    Attributes:
        work: The work that made it, with its settings.
        as_of: Its as-of day.
        model: Its artifact.
        training_set: What it was trained on, and is tested on.
        verdict: Of its evaluation, against no other model.
        reason: Behind the verdict.
        metrics: On its test days.
        cpu_minutes: Of the stages that made it, when they were made.
        gpu_minutes: Of its training, times its GPUs.
    """

    work: Work
    as_of: str
    model: Manifest
    training_set: Manifest
    verdict: str
    reason: str
    metrics: dict[str, float]
    cpu_minutes: float
    gpu_minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoModel:
    """Why there is no model as of a day."""

    as_of: str
    reason: str
    cpu_minutes: float = 0.0
    gpu_minutes: float = 0.0


@dataclass(slots=True)
class PastModels:
    """The models of a store's days, each made once.

    Attributes:
        pipeline: The declaration, without a policy's settings.
        settings: Settings of every policy.
        store: Where the days are, and the models are published.
        first: First day of data.
        made: Models by settings and as-of day.
    """

    pipeline: Pipeline
    settings: tuple[str, ...]
    store: str
    first: str
    made: dict[tuple[tuple[str, ...], str], PastModel | NoModel] = field(default_factory=dict)

    def as_of(self, day: str, settings: tuple[str, ...]) -> PastModel | NoModel:
        """The model as of a day with a policy's settings, or why its data gives none."""
        key = settings, day
        if key not in self.made:
            self.made[key] = self._make(day, settings)
        return self.made[key]

    def _make(self, day: str, settings: tuple[str, ...]) -> PastModel | NoModel:
        every = (*self.settings, *settings)
        pipeline = with_settings(self.pipeline, settings)
        totals: Totals = defaultdict(StageTotals)
        with tempfile.TemporaryDirectory() as empty:
            # A registry that does not exist has no champion.
            registry = f"mlflow_uri=sqlite:///{Path(empty) / 'registry.db'}"
            request = ChainRequest(
                pipeline=pipeline,
                settings=every,
                options=("track=false", registry),
                store=self.store,
                source=None,
                first=self.first,
                last=day,
                as_of=day,
            )
            try:
                make_model(totals, request)
            except (PartitionRefusedError, TrainingError) as error:
                return NoModel(as_of=day, reason=str(error), cpu_minutes=_minutes(totals))
        return self._found(pipeline, day, totals)

    def _found(self, pipeline: Pipeline, day: str, totals: Totals) -> PastModel:
        work = replace(self.work(pipeline), as_of=day)
        found = {name: _version(work, totals, name) for name in (TRAINED, PREPARED, EVALUATED)}
        outcome = found[EVALUATED].outcome
        return PastModel(
            work=work,
            as_of=day,
            model=found[TRAINED],
            training_set=found[PREPARED],
            verdict=str(outcome["verdict"]),
            reason=str(outcome["reason"]),
            metrics=dict(outcome["metrics"]),
            cpu_minutes=_recorded_minutes(work, totals),
            gpu_minutes=_gpu_minutes(work, found[TRAINED]),
        )

    def work(self, pipeline: Pipeline | None = None) -> Work:
        """Work on the store's days."""
        return Work(
            pipeline=pipeline or self.pipeline,
            store=Store(self.store),
            report=Reporter("backtest"),
            history_from=self.first,
        )


def _version(work: Work, totals: Totals, result: str) -> Manifest:
    """The version that these stages published, whatever is published there now."""
    giver = giver_of(result)
    digest = totals[giver.name].results[-1]["digest"]
    found = work.store.find_version(ref_of(giver, work), digest)
    assert found is not None, f"{giver.name} published {digest} and it is gone"
    return found


def _recorded_minutes(work: Work, totals: Totals) -> float:
    """CPU-minutes of the versions that these stages published or found, as they were made."""
    seconds = 0.0
    for name, total in totals.items():
        for result in total.results:
            made = work.store.find_version(ref_of(stage_named(name), work), result["digest"])
            seconds += float(made.made.get("cpu_seconds", 0.0)) if made is not None else 0.0
    return seconds / SECONDS_OF_MINUTE


def _minutes(totals: Totals) -> float:
    return sum(total.cpu_seconds for total in totals.values()) / SECONDS_OF_MINUTE


def _gpu_minutes(work: Work, model: Manifest) -> float:
    timing = json.loads((work.store.open(model) / "timing.json").read_text())
    gpus = GPUS.match(str(timing["devices"]))
    return int(gpus[1]) * float(timing["seconds"]) / SECONDS_OF_MINUTE if gpus else 0.0
