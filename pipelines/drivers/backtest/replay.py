"""One policy, replayed day by day.

Why: the order of what was known, made and used decides what a policy is worth.
Promise: on each day first a model is made where one is due, then the day is scored with the model in use.
Not here: the models (``models.py``), the alerts (``alerts.py``), the result's page (``page.py``).
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.core.days import days_between, parse_day, shift
from pipelines.core.errors import ConfigError
from pipelines.drivers.backtest.alerts import Alerts, DayResult
from pipelines.drivers.backtest.days import PastDays
from pipelines.drivers.backtest.models import NoModel, PastModel, PastModels
from pipelines.drivers.backtest.policies import ALWAYS, DECAY, DRIFT, Policy
from pipelines.drivers.backtest.triggers import Seen, decay, drift
from pipelines.protocol import Work
from pipelines.spec import Pipeline
from pipelines.spec.split import TEST
from pipelines.stages.evaluate.heads import evaluation_of
from pipelines.stages.evaluate.heads.protocol import Yardstick
from pipelines.stages.evaluate.raw import raw_columns
from pipelines.stages.evaluate.rows import TestRows, alert_columns, open_test_rows
from pipelines.stages.evaluate.verdict import BETTER, decide

FIRST = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedModel:
    """A model that a policy asked for.

    Attributes:
        as_of: Its as-of day.
        why: What asked for it: ``first``, a schedule, ``drift`` or ``decay``.
        used: Whether it became the model in use.
        reason: Behind that.
        digest: Of the model; empty where there is none.
        metrics: On its test days.
        cpu_minutes: Of its stages.
        gpu_minutes: Of its training, times its GPUs.
    """

    as_of: str
    why: str
    used: bool
    reason: str
    digest: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    cpu_minutes: float = 0.0
    gpu_minutes: float = 0.0


@dataclass(frozen=True, slots=True)
class Replayed:
    """A policy's days and trainings."""

    policy: Policy
    days: list[DayResult]
    trainings: list[AskedModel]

    def totals(self) -> dict[str, Any]:
        """The line of the table."""
        counts = ("events", "caught", "alerts")
        events, caught, alerts = (sum(getattr(d, n) for d in self.days) for n in counts)
        precise = [d.average_precision for d in self.days if d.average_precision is not None]
        return {
            "trained": len(self.trainings),
            "used": sum(each.used for each in self.trainings),
            "events": events,
            "caught": caught,
            "missed": events - caught,
            "caught_share": caught / events if events else None,
            "alerts": alerts,
            "false_alerts": alerts - caught,
            "average_precision": statistics.fmean(precise) if precise else None,
            **self._minutes(),
        }

    def _minutes(self) -> dict[str, float]:
        names = ("cpu_minutes", "gpu_minutes")
        return {name: sum(getattr(each, name) for each in self.trainings) for name in names}

    def as_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "policy": self.policy.text,
            **self.totals(),
            "trainings": [asdict(each) for each in self.trainings],
            "days": [asdict(each) for each in self.days],
        }


def replay_policy(
    policy: Policy,
    models: PastModels,
    days: PastDays,
    first: str,
    last: str,
    on_day: Callable[[str], None],
) -> Replayed:
    """Replay a policy from its first model on.

    Args:
        policy: The policy.
        models: Makes and finds its models.
        days: The days that are scored.
        first: First scored day, the as-of day of the first model.
        last: Last scored day.
        on_day: Called when a day is done.

    Raises:
        ConfigError: There is no model as of the first day.
    """
    played = Replayed(policy, [], [])
    in_use, alerts = _first_model(policy, models, first, played), _alerts(models.pipeline)
    for day in days_between(first, last):
        why = _asks(policy, days, in_use, day, first, played.trainings[-1].as_of)
        if why and day != first:
            made = models.as_of(day, policy.settings)
            training, in_use = _compared(policy, made, in_use, why)
            played.trainings.append(training)
        scored = days.of(day, in_use.model)
        if scored is not None:
            played.days.append(alerts.of_day(scored))
        on_day(day)
    return played


def _alerts(pipeline: Pipeline) -> Alerts:
    split, evaluation = pipeline.split, pipeline.evaluation
    return Alerts(
        per_day=evaluation.alerts_per_day,
        known_after_days=pipeline.label.settled_days(),
        exclude_known=evaluation.exclude_known,
        known_for_days=split.train_days + split.gap_days + split.test_days,
    )


def _first_model(policy: Policy, models: PastModels, first: str, played: Replayed) -> PastModel:
    made = models.as_of(first, policy.settings)
    if isinstance(made, NoModel):
        raise ConfigError(
            f"--policy {policy.text!r} has no model to begin with: as of {first}, {made.reason} "
            f"Begin on a later day, or mend that."
        )
    played.trainings.append(_training(made, FIRST, "there is none before it", used=True))
    return made


def _asks(
    policy: Policy, days: PastDays, in_use: PastModel, day: str, first: str, trained: str
) -> str:
    """What asks for a model as of a day; empty for nothing."""
    scheduled = policy.due(parse_day(day), parse_day(first))
    if scheduled or day < shift(trained, max(policy.cooldown_days, 1)):
        return scheduled
    seen: list[tuple[str, float, Callable[..., Seen | None]]] = [
        (DRIFT, policy.drift, drift),
        (DECAY, policy.decay, decay),
    ]
    for name, limit, look in seen:
        found = look(days, in_use, day) if name in policy.triggers else None
        if found is not None and found.value > limit:
            return f"{name} of {found.what}, {found.value:.3f} above {limit:g}"
    return ""


def _compared(
    policy: Policy, made: PastModel | NoModel, in_use: PastModel, why: str
) -> tuple[AskedModel, PastModel]:
    """The training, and the model in use after it."""
    if isinstance(made, NoModel):
        missing = AskedModel(
            as_of=made.as_of,
            why=why,
            used=False,
            reason=made.reason,
            cpu_minutes=made.cpu_minutes,
        )
        return missing, in_use
    if made.verdict != BETTER:
        return _training(made, why, made.reason, used=False), in_use
    if policy.use == ALWAYS:
        return _training(made, why, made.reason, used=True), made
    verdict = decide(made.work.pipeline.gates, made.metrics, _metrics_on_tests(made, in_use))
    used = verdict.name == BETTER
    return _training(made, why, verdict.reasons[-1], used=used), made if used else in_use


def _training(made: PastModel, why: str, reason: str, *, used: bool) -> AskedModel:
    return AskedModel(
        as_of=made.as_of,
        why=why,
        used=used,
        reason=reason,
        digest=made.model.digest,
        metrics=made.metrics,
        cpu_minutes=made.cpu_minutes,
        gpu_minutes=made.gpu_minutes,
    )


def _metrics_on_tests(made: PastModel, in_use: PastModel) -> dict[str, float]:
    """The metrics of the model in use on the test rows of a new one, as ``evaluate`` has a champion's."""
    work, head = made.work, evaluation_of(made.work.pipeline.head)
    rows = _test_rows(work, work.store.open(made.training_set))
    read = partial(raw_columns, work, made.training_set, TEST)
    served = head.predict_served(work.store.open(in_use.model), read)
    folder = work.store.open(made.training_set)
    return head.measured(rows, served, Yardstick(work.pipeline.evaluation, folder)).metrics()


def _test_rows(work: Work, training_set: Path) -> TestRows:
    known = work.pipeline.label.settled_days()
    after = known if work.pipeline.evaluation.exclude_known else None
    return open_test_rows(training_set, alert_columns(work.pipeline), after)


def policies_of(texts: Sequence[str], read: Callable[[str], Policy]) -> list[Policy]:
    """The policies of some texts, each once.

    Raises:
        ConfigError: One is given twice.
    """
    if len(set(texts)) < len(texts):
        twice = sorted({text for text in texts if texts.count(text) > 1})
        raise ConfigError(f"--policy {twice[0]!r} is given twice. Leave one out.")
    return [read(text) for text in texts]
