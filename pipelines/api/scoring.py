"""Scoring several days: the stages of the score DAG, one after another over the days.

Why: a backfill, a demo and a notebook need what the DAG does, without Airflow.
Promise: each day is scored with the champion of then, or with the version that is asked for; what is published
    already is found. A day that cannot be scored does not stop the others, and the summary says why.
"""

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipelines.api.opening import Assignments, PipelineHandle, assignments, opened
from pipelines.api.stages import AnyStore, OnEvent, run_partitions
from pipelines.api.store import open_store
from pipelines.api.work import range_of_partitions
from pipelines.core.errors import ConfigError
from pipelines.core.events import to_log
from pipelines.core.text import counted
from pipelines.protocol import Result, Stage, stage_of, stages
from pipelines.protocol.stage import SCORE_DAG
from pipelines.spec import Pipeline
from pipelines.stages.score.record import SHADOW, VERSION

Summary = dict[str, Any]
SCORES = "scores"
FACTS = ("rows", "model_version", "seconds", "cached", "uri", "left")


def score(
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    from_: str,
    to: str,
    version: int | None = None,
    shadow: Sequence[int] = (),
    options: Assignments = None,
    in_process: bool = False,
    on_event: OnEvent | None = None,
) -> Summary:
    """Score several days, then settle and watch them.

    Args:
        pipeline: A pipeline, opened with the settings of this run, or its name.
        store: Where its artifacts are.
        from_: First day or partition.
        to: Last day or partition.
        version: Version of the registry to score with; by default the champion of each day. Its scores stand
            beside those that were given, and are neither settled nor watched.
        shadow: Versions that score beside it and decide nothing.
        options: What is asked of the stages beside settings: ``{"workers": 4}``.
        in_process: Work in this process, for a debugger; by default each stage in one of its own.
        on_event: Gets each event; by default progress and messages are logged.

    Returns:
        ``days``: of each partition ``rows``, ``alerts``, ``model_version``, ``seconds``, ``cached``, ``uri``, or
        ``left``, why it has no scores; ``stages``: of each its ``done``, ``found``, ``left``, ``rows`` and
        ``seconds``; ``rows``, ``alerts``, ``rows_per_s``.

    Raises:
        ConfigError: An argument cannot be used.
        PipelineError: A stage failed; what was published before stays.
    """
    handle, root = opened(pipeline), open_store(store)
    keys = range_of_partitions(handle.declaration, None, from_, to)
    texts = (*assignments(options, "options"), *_chosen(version, shadow))
    results: dict[str, list[Result]] = {}
    scored = keys
    for stage in _stages(handle.declaration, chosen=version is not None):
        sink = _with_days(stage.name, len(scored), on_event or to_log)
        results[stage.name] = [
            result
            for first, last in _ranges(keys, scored)
            for result in run_partitions(
                stage.name,
                handle,
                root,
                from_=first,
                to=last,
                options=texts,
                in_process=in_process,
                on_event=sink,
            )
        ]
        if stage.dataset == SCORES:
            # What has no scores is neither settled nor watched.
            each = zip(keys, results[stage.name], strict=True)
            scored = [key for key, result in each if "left" not in result]
    return _summary(handle.name, keys, results)


def _ranges(keys: Sequence[str], chosen: Sequence[str]) -> Iterator[tuple[str, str]]:
    """First and last of each range of consecutive keys that are chosen."""
    for is_chosen, group in itertools.groupby(keys, lambda key: key in chosen):
        if is_chosen:
            every = list(group)
            yield every[0], every[-1]


def _stages(pipeline: Pipeline, *, chosen: bool) -> list[Stage]:
    """The stages of the DAG in order; of a chosen version those that know it."""
    grouped = [each for each in stages(pipeline) if each.group == SCORE_DAG]
    return [each for each in grouped if each.variant == VERSION.name or not chosen]


def _chosen(version: int | None, shadow: Iterable[int]) -> list[str]:
    for number in (*shadow, *(() if version is None else (version,))):
        if type(number) is not int or number < 1:
            raise ConfigError(
                f"A version is a whole number from 1 on, as models() lists them; got {number!r}."
            )
    numbers = ",".join(map(str, shadow))
    own = [] if version is None else [f"{VERSION.name}={version}"]
    return [*own, *([f"{SHADOW.name}={numbers}"] if numbers else [])]


def _with_days(stage: str, days: int, sink: OnEvent) -> OnEvent:
    """The same events, and after each day how many are done, how fast, and how long the rest will take."""
    began, done, rows = time.monotonic(), 0, 0

    def on_event(event: Mapping[str, object]) -> None:
        nonlocal done, rows
        sink(event)
        result = event.get("result")
        if event["event"] != "result" or not isinstance(result, Mapping):
            return
        done, rows = done + 1, rows + int(result.get("rows", 0))
        seconds = max(time.monotonic() - began, 1e-9)
        left = seconds / done * (days - done)
        sink(
            {
                "event": "log",
                "message": f"{stage}: {done} of {counted(days, 'partition')}, {rows:,} rows, "
                f"{rows / seconds:,.0f} rows/s, {left:.0f} s left",
            }
        )

    return on_event


def _summary(name: str, keys: Sequence[str], results: Mapping[str, list[Result]]) -> Summary:
    of_scores = results[stage_of(SCORES).name]
    days = [
        {"partition": key, **_facts(result)}
        for key, result in zip(keys, of_scores, strict=True)
    ]
    of_stages = {stage: _totals(each) for stage, each in results.items()}
    own = of_stages[stage_of(SCORES).name]
    alerts = [day["alerts"] for day in days if day.get("alerts") is not None]
    return {
        "pipeline": name,
        "from": keys[0],
        "to": keys[-1],
        "days": days,
        "stages": of_stages,
        "rows": sum(day.get("rows", 0) for day in days),
        "alerts": sum(alerts) if alerts else None,
        "rows_per_s": round(own["rows"] / own["seconds"], 1) if own["seconds"] else 0.0,
    }


def _facts(result: Result) -> dict[str, Any]:
    found = {name: result[name] for name in FACTS if name in result}
    if "left" in result:
        return found
    alerts = result["metrics"].get("alerts")
    return found | {"alerts": None if alerts is None else int(alerts)}


def _totals(results: Iterable[Result]) -> dict[str, Any]:
    """What one stage did; rows and seconds of what was not found published."""
    every = list(results)
    made = [each for each in every if each.get("cached") is False]
    return {
        "done": len(made),
        "found": sum(bool(each.get("cached")) for each in every),
        "left": sum("left" in each for each in every),
        "rows": sum(int(each["rows"]) for each in made),
        "seconds": round(sum(each["seconds"] for each in made), 2),
    }
