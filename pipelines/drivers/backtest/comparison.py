"""Several policies over the same days, side by side.

Why: a policy is good or bad only beside another one.
Promise: models are published on a branch, so that what production publishes stays. Every policy sees the same days, and models that two policies share are made once; the same days, models and
    policies give the same bytes, whenever and however often it is run.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core.days import days_between
from pipelines.core.errors import ConfigError
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.core.store.branch_names import on_branch
from pipelines.core.store.durable import make_durable
from pipelines.drivers.backtest.days import PastDays
from pipelines.drivers.backtest.models import PastModels
from pipelines.drivers.backtest.page import backtest_page
from pipelines.drivers.backtest.policies import Policy
from pipelines.drivers.backtest.replay import Replayed, replay_policy
from pipelines.drivers.chain import ChainRequest, take_in_days
from pipelines.spec import Binary, Label, Pipeline, model_days
from pipelines.spec.learning import BY_TIME

RESULT, PAGE = "backtest.json", "backtest.html"
BRANCH = "backtest"


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """What is replayed.

    Attributes:
        pipeline: Declaration with the settings applied.
        settings: Those settings, as they are passed to children.
        policies: In the order of the table.
        store: Root of the artifact store.
        source: Root of the source files; None where the days are taken in already.
        history_from: First day of data.
        first: First scored day, the as-of day of the first models.
        last: Last scored day.
    """

    pipeline: Pipeline
    settings: tuple[str, ...]
    policies: tuple[Policy, ...]
    store: str
    source: str | None
    history_from: str
    first: str
    last: str


def backtest(request: BacktestRequest, report: Reporter) -> dict[str, Any]:
    """Replay the policies, one after another.

    Returns:
        ``pipeline``, ``from``, ``to`` and of each policy its totals, trainings and days.

    Raises:
        ConfigError: The pipeline cannot be replayed, or there is no data for a first model.
        PipelineError: A stage failed for another reason than its data.
    """
    _require_replayable(request)
    if request.source is not None:
        take_in_days(_days_request(request))
    models = PastModels(
        pipeline=request.pipeline,
        settings=request.settings,
        store=_beside_production(request.store),
        first=request.history_from,
    )
    days = PastDays(models.work())
    played = [_replayed(request, policy, models, days, report) for policy in request.policies]
    return _result(request, played)


def _beside_production(store: str) -> str:
    """The store's branch on which models are published; the caller's own where it names one."""
    return store if Store(store).branch else on_branch(store, BRANCH)


def _replayed(
    request: BacktestRequest,
    policy: Policy,
    models: PastModels,
    days: PastDays,
    report: Reporter,
) -> Replayed:
    report.work = f"backtest {policy.text}"
    every = days_between(request.first, request.last)
    done = {day: number for number, day in enumerate(every, 1)}

    def on_day(day: str) -> None:
        report.progress(done[day], len(every), "days")

    report.begin()
    return replay_policy(policy, models, days, request.first, request.last, on_day)


def write_backtest(result: dict[str, Any], title: str, out: Path) -> Path:
    """Write ``backtest.json`` and ``backtest.html``, each whole or not at all.

    Returns:
        The page.
    """
    out.mkdir(parents=True, exist_ok=True)
    texts = {
        RESULT: json.dumps(result, indent=1) + "\n",
        PAGE: backtest_page(result, title),
    }
    for name, text in texts.items():
        staged = out / f".staging-{name}"
        staged.write_text(text, encoding="utf-8")
        staged.replace(out / name)
    make_durable(out)
    return out / PAGE


def _result(request: BacktestRequest, played: Sequence[Replayed]) -> dict[str, Any]:
    return {
        "pipeline": request.pipeline.name,
        "from": request.first,
        "to": request.last,
        "alert_entity": request.pipeline.evaluation.alert_entity,
        "alerts_per_day": request.pipeline.evaluation.alerts_per_day,
        "settings": list(request.settings),
        "policies": [each.as_dict() for each in played],
    }


def _days_request(request: BacktestRequest) -> ChainRequest:
    return ChainRequest(
        pipeline=request.pipeline,
        settings=request.settings,
        store=request.store,
        source=request.source,
        first=request.history_from,
        last=request.last,
        as_of=request.last,
    )


def _require_replayable(request: BacktestRequest) -> None:
    pipeline = request.pipeline
    if not (isinstance(pipeline.head, Binary) and isinstance(pipeline.label, Label)):
        raise ConfigError(
            f"{pipeline.name} cannot be replayed: a backtest counts alerts caught and missed, which needs the head "
            f"Binary and a label that is a column of the examples; it has {type(pipeline.head).__name__} and "
            f"{type(pipeline.label).__name__}."
        )
    if pipeline.split.by != BY_TIME or pipeline.partitions().grain != "day":
        raise ConfigError(
            f"{pipeline.name} cannot be replayed: a backtest goes from day to day, which needs daily examples and "
            f"split.by='time'."
        )
    begins = model_days(pipeline, request.first).train[0]
    if begins < request.history_from:
        raise ConfigError(
            f"--from {request.first} is too early: the first model would train from {begins}, and data begins on "
            f"{request.history_from} (--history-from). Begin later, or shorten the split."
        )
