"""The whole chain of stages, each in a process of its own, and what it adds up to.

Why: days of data must become an evaluated model by one call, with nothing between but published
    artifacts.
Promise: stages run as the children that Airflow would run, in the order of their records: those of a
    day over the days, those of a window once, those of a model for each seed. A refused day does
    not stop the others; what is published already is found, not made again.
Not here: parsing arguments and printing (``pipelines/cli/``), scheduling (``dags/``).
"""

import logging
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.days import days_between
from pipelines.core.events import Reporter, describe_progress, level_of
from pipelines.core.store import Ref, Store
from pipelines.drivers.preconditions import (
    MODEL_BYTES,
    bytes_of_days,
    require_days,
    require_disk,
    require_registry,
    require_store,
)
from pipelines.process.launch import run_stage
from pipelines.protocol import (
    REFUSED,
    VALIDATED,
    Result,
    Stage,
    Work,
    chain_stages,
    giver_of,
    option_values,
    stages,
)
from pipelines.protocol.stage import MODEL, PARTITION, WINDOW
from pipelines.spec import Pipeline

Summary = dict[str, Any]
Totals = defaultdict[str, "StageTotals"]

# What the summary lists, by the names of the results that stages give.
TRAINED, EVALUATED, PROMOTED = "model", "evaluation", "promotion"

log = logging.getLogger("millrace")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRequest:
    """What ``run_chain`` is asked for.

    Attributes:
        pipeline: Declaration with the settings applied.
        settings: Those settings, as they are passed to children.
        options: ``key=value`` options that are passed to children.
        store: Root of the artifact store.
        source: Root of the source files.
        first: First day of data; history begins there.
        last: Last day of data.
        as_of: As-of day of the model.
        seeds: Models to train, from ``training.seed`` upwards.
    """

    pipeline: Pipeline
    settings: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    store: str
    source: str | None
    first: str
    last: str
    as_of: str
    seeds: int = 1


@dataclass(slots=True)
class StageTotals:
    """One stage's share of a chain: what its children reported, added up."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    rows: int = 0
    peak_memory_bytes: int = 0
    work: int = 0
    cached: int = 0
    results: list[Result] = field(default_factory=list)

    def as_dict(self) -> dict[str, float]:
        """The line of the summary; ``rows_per_s`` counts only rows worked on in this run."""
        return {
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "rows": self.rows,
            "rows_per_s": round(self.rows / self.seconds, 1) if self.seconds else 0.0,
            "peak_memory_bytes": self.peak_memory_bytes,
            "work": self.work,
            "cached": self.cached,
        }


def run_chain(request: ChainRequest) -> Summary:
    """Take in the days, then make, evaluate and register the model.

    Returns:
        Per stage seconds, CPU-seconds, rows, rows/s, peak memory and cached work; quarantined
        rows per rule; refused days; per seed the model's metrics; the verdict, which recommends, and
        what came of it (``registered``); the model's URI and digests.

    Raises:
        PipelineError: A stage failed; what was published before stays.
    """
    _require_preconditions(request)
    totals: Totals = defaultdict(StageTotals)
    _take_in(totals, request, request.first)
    made: dict[str, str] = {}
    for stage in chain_stages(WINDOW):
        _model_child(totals, stage, request, made)
    first_seed = request.pipeline.training.seed
    by_seed = {seed: dict(made) for seed in range(first_seed, first_seed + request.seeds)}
    of_model = chain_stages(MODEL)
    for seed, own in by_seed.items():
        for stage in (each for each in of_model if not each.first_seed_only):
            _model_child(totals, stage, request, own, seed)
    for stage in (each for each in of_model if each.first_seed_only):
        _model_child(totals, stage, request, by_seed[first_seed], first_seed)
    return _summary(request, totals)


def _take_in(totals: Totals, request: ChainRequest, history_from: str | None) -> None:
    """Run each stage of a day over the days."""
    days = ["--from", request.first, "--to", request.last]
    days += ["--history-from", history_from] if history_from else []
    for stage in chain_stages(PARTITION):
        source = ["--source", request.source] if stage.reads_source and request.source else []
        _child(totals[stage.name], stage, request, [*days, *source])


def _require_preconditions(request: ChainRequest) -> None:
    """Ask first for what the last stages will need."""
    work = Work(
        pipeline=request.pipeline,
        store=Store(request.store),
        report=Reporter("run"),
        as_of=request.as_of,
        source=request.source,
        history_from=request.first,
    )
    require_store(work.store)
    require_registry(work.pipeline, work.store, option_values(request.options))
    needed = bytes_of_days(work, days_between(request.first, request.last)) + MODEL_BYTES
    require_disk(work.store, needed, f"the days {request.first} to {request.last}")
    require_days(work, request.first, request.last)


def replay_partition(
    pipeline: Pipeline,
    settings: tuple[str, ...],
    *,
    store: str,
    source: str | None,
    partition: str,
    history_from: str | None,
) -> Summary:
    """Take one day in again, and the later days that it changes.

    Returns:
        The summary of its stages, with the quarantined rows before and after.
    """
    before = Store(store).find(Ref(pipeline.name, VALIDATED, f"ds={partition}"))
    request = ChainRequest(
        pipeline=pipeline,
        settings=settings,
        store=store,
        source=source,
        first=partition,
        last=partition,
        as_of=partition,
    )
    totals: Totals = defaultdict(StageTotals)
    # A range of one: a refused day is listed in the summary and still changes the days after it.
    _take_in(totals, request, history_from)
    quarantined = before.outcome["quarantined"] if before else {}
    return _summary(request, totals) | {"quarantined_before": quarantined}


def _model_child(
    totals: Totals,
    stage: Stage,
    request: ChainRequest,
    made: dict[str, str],
    seed: int | None = None,
) -> None:
    """Run a stage of the model on what this run made before it, and note what it made.

    Args:
        totals: Every stage's share of the chain.
        stage: The stage.
        request: The chain.
        made: Digest of each result that the run has made, by name; the stage's own is added.
        seed: Seed of the model; None for stages that all seeds share.
    """
    arguments = ["--as-of", request.as_of]
    arguments += [] if seed is None else ["--set", f"training.seed={seed}"]
    arguments += [w for each in stage.takes for w in ("--input", f"{each}={made[each]}")]
    _child(totals[stage.name], stage, request, arguments)
    if stage.gives:
        made[stage.gives] = totals[stage.name].results[-1]["digest"]


def _child(
    totals: StageTotals, stage: Stage, request: ChainRequest, arguments: Sequence[str]
) -> None:
    """Run one stage in a child process and add up what it reports."""

    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "progress":
            log.info("%s", describe_progress(event))
        elif event["event"] == "log":
            log.log(level_of(event), "%s", event["message"])
        elif event["event"] == "result":
            _add(totals, event["result"])

    argv = ["stage", stage.name, request.pipeline.name, "--store", request.store]
    argv += [word for setting in request.settings for word in ("--set", setting)]
    argv += [word for option in request.options for word in ("--option", option)]
    # A seed among the arguments comes after the settings, so it wins.
    ended = run_stage([*argv, *arguments], on_event=on_event, on_line=_log_line, server=False)
    totals.cpu_seconds += ended.cpu_seconds
    totals.peak_memory_bytes = max(totals.peak_memory_bytes, ended.peak_memory_bytes)


def _log_line(line: str) -> None:
    log.info("%s", line)


def _add(totals: StageTotals, result: Result) -> None:
    if "left" in result:  # a refused day has no features
        return
    totals.results.append(result)
    totals.work += 1
    totals.cached += bool(result.get("cached"))
    if result.get("cached") is False:
        totals.seconds += result["seconds"]
        totals.rows += result["rows"]


def _summary(request: ChainRequest, totals: Totals) -> Summary:
    of_days = [result for s in chain_stages(PARTITION) for result in totals[s.name].results]
    quarantined: dict[str, int] = defaultdict(int)
    for result in of_days:
        for rule, rows in result["quarantined"].items():
            quarantined[rule] += rows
    return {
        "pipeline": request.pipeline.name,
        "from": request.first,
        "to": request.last,
        "as_of": request.as_of,
        "stages": {s.name: totals[s.name].as_dict() for s in stages() if totals[s.name].work},
        "refused": sorted(
            {r["key"].removeprefix("ds=") for r in of_days if r["verdict"] == REFUSED}
        ),
        "quarantined": dict(sorted(quarantined.items())),
        "pages_missing": _pages_missing(totals),
        **_model(totals),
    }


def _pages_missing(totals: Totals) -> list[str]:
    """Pages that artifacts are published without: ``validated/ds=.../report.html``."""
    return sorted(
        f"{stage.dataset}/{result['key']}/{page}"
        for stage in stages()
        for result in totals[stage.name].results
        for page in result.get("pages_missing", ())
    )


def _model(totals: Totals) -> Summary:
    trainings, evaluations, promotions = (
        totals[giver_of(result).name].results for result in (TRAINED, EVALUATED, PROMOTED)
    )
    if not evaluations:
        return {}
    first, trained = evaluations[0], trainings[0]
    return {
        "metrics": first["metrics"],
        "seeds": [result["metrics"] for result in evaluations],
        "over_seeds": _over_seeds(evaluations),
        "verdict": first["verdict"],
        "reason": first["reason"],
        "model": {key: trained[key] for key in ("uri", "digest", "content")},
        "registered": _registered(promotions[0]) if promotions else {},
    }


def _registered(promotion: Result) -> dict[str, Any]:
    """What came of the recommendation."""
    facts = ("recommended", "promoted", "champion", "reason")
    return {**promotion["metrics"], **{name: promotion.get(name) for name in facts}}


def _over_seeds(evaluations: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of each headline metric over the seeds."""
    names = evaluations[0]["metrics"]
    values = {name: [r["metrics"][name] for r in evaluations] for name in names}
    return {
        name: {
            "mean": statistics.fmean(each),
            "sd": statistics.stdev(each) if len(each) > 1 else 0.0,
        }
        for name, each in values.items()
    }
