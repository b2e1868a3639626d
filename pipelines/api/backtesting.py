"""Replaying retraining policies over past days."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from pipelines.api.opening import PipelineHandle, opened
from pipelines.api.stages import AnyStore, Source
from pipelines.api.store import absolute_source, open_store
from pipelines.api.work import range_of_days
from pipelines.core.days import parse_day
from pipelines.core.errors import ConfigError
from pipelines.core.events import Reporter, Sink, to_log

DEFAULT_POLICIES = ("never", "weekly", "monthly", "drift", "decay")


def backtest(
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    from_: str,
    to: str,
    policies: Sequence[str] = DEFAULT_POLICIES,
    source: Source = None,
    history_from: str | None = None,
    out: str | PathLike[str] | None = None,
    on_event: Sink | None = None,
) -> dict[str, Any]:
    """Replay retraining policies over past days: what each would have caught, missed and cost.

    Models are made as scheduled runs make them and kept, on the branch ``backtest``, so that a repeated backtest trains
    nothing; what is published on main stays, and no model is registered.

    Args:
        pipeline: A pipeline with the head ``Binary`` and daily examples, or its name.
        store: Where its days are published.
        from_: First scored day, the as-of day of the first models.
        to: Last scored day.
        policies: ``weekly``, ``monthly``, ``every-N``, ``drift``, ``decay``, ``never``, joined by ``+``, with options
            and settings: ``monthly+drift,drift=0.2,use=always,split.train_days=14``.
        source: Root of the source files, to take in days first; None where they are taken in.
        history_from: First day of data; by default the start of the pipeline's schedule.
        out: Folder for ``backtest.json`` and ``backtest.html``; None writes nothing.
        on_event: Gets each event; by default progress is logged.

    Returns:
        ``policies``: of each its models ``trained`` and ``used``, ``events``, ``caught``, ``missed``,
        ``false_alerts``, ``average_precision``, ``cpu_minutes`` and ``gpu_minutes``, its ``trainings`` and
        ``days``; ``page`` where ``out`` is given.

    Raises:
        ConfigError: A policy or a day cannot be used, or there is no data for a first model.
        PipelineError: A stage failed for another reason than its data.
    """
    from pipelines.drivers.backtest.comparison import BacktestRequest, write_backtest
    from pipelines.drivers.backtest.comparison import backtest as replayed
    from pipelines.drivers.backtest.policies import policy_of
    from pipelines.drivers.backtest.replay import policies_of

    handle = opened(pipeline)
    declaration, days = handle.declaration, range_of_days(from_, to)
    if history_from is not None:
        parse_day(history_from, "--history-from")
    if isinstance(policies, str) or not policies:
        raise ConfigError(f"policies must be a list of at least one policy; got {policies!r}.")
    chosen = policies_of(policies, policy_of)
    for each in chosen:
        handle.with_settings(each.settings)
    request = BacktestRequest(
        pipeline=declaration,
        settings=handle.settings,
        policies=tuple(chosen),
        store=open_store(store).uri,
        source=absolute_source(source),
        history_from=history_from or declaration.schedule.start,
        first=days[0],
        last=days[-1],
    )
    result = replayed(request, Reporter("backtest", on_event or to_log))
    if out is None:
        return result
    return {**result, "page": str(write_backtest(result, declaration.title, Path(out)))}
