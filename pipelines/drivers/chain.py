"""The whole chain of stages, each in a process of its own, one after another.

Why: days of data must become an evaluated model by one call, with nothing between but published
    artifacts.
Promise: stages run as the children that Airflow would run, in the order of their records: those of a
    day over the days, those of a window once, those of a model for each seed. A refused day does
    not stop the others; what is published already is found, not made again.
Not here: what it adds up to (``chain_summary.py``), parsing arguments and printing (``pipelines/cli/``),
    scheduling (``dags/``).
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.core.events import Reporter, describe_progress, level_of
from pipelines.core.store import Ref, Store
from pipelines.drivers.chain_summary import StageTotals, Summary, Totals, add_result, summary_of
from pipelines.drivers.preconditions import (
    MODEL_BYTES,
    bytes_taken_in,
    require_days,
    require_disk,
    require_registry,
    require_store,
)
from pipelines.drivers.taking_in import partitions_taken_in, stages_again, tables_in_order
from pipelines.process.launch import run_stage
from pipelines.process.source_access import source_access
from pipelines.protocol import (
    VALIDATED,
    Stage,
    Work,
    chain_stages,
    option_values,
    partition_key,
)
from pipelines.protocol.stage import MODEL, PARTITION, WINDOW
from pipelines.spec import Pipeline

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
        folds: Whether a model is trained and tested for each fold of the split, in place of one that is
            promoted.
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
    folds: bool = False


def run_chain(request: ChainRequest) -> Summary:
    """Take in the days, then make, evaluate and register the model.

    Returns:
        Per stage seconds, CPU-seconds, rows, rows/s, peak memory and cached work; quarantined
        rows per rule; refused days; per seed the model's metrics; the verdict, and what
        happened to the model (``registered``: its fate); the model's URI and digests.

    Raises:
        PipelineError: A stage failed; what was published before stays.
    """
    _require_preconditions(request)
    totals: Totals = defaultdict(StageTotals)
    _take_in(totals, request, request.first)
    make = _cross_validate if request.folds else _make_models
    make(totals, request)
    return _summary(request, totals)


def make_models(request: ChainRequest) -> Totals:
    """Make and evaluate models of days that are taken in already, and promote the first."""
    totals: Totals = defaultdict(StageTotals)
    _make_models(totals, request)
    return totals


def _make_models(totals: Totals, request: ChainRequest) -> None:
    """Make and evaluate a model for each seed, and promote the first."""
    made: dict[str, str] = {}
    for stage in chain_stages(WINDOW, pipeline=request.pipeline):
        _model_child(totals, stage, request, made)
    first_seed = request.pipeline.training.seed
    by_seed = {seed: dict(made) for seed in range(first_seed, first_seed + request.seeds)}
    of_model = chain_stages(MODEL, pipeline=request.pipeline)
    for seed, own in by_seed.items():
        for stage in (each for each in of_model if not each.first_seed_only):
            _model_child(totals, stage, request, own, seed)
    for stage in (each for each in of_model if each.first_seed_only):
        _model_child(totals, stage, request, by_seed[first_seed], first_seed)


def _cross_validate(totals: Totals, request: ChainRequest) -> None:
    """Make and evaluate a model for each fold, tested on its members; none is promoted."""
    for fold in range(request.pipeline.split.folds):
        # A fold among the arguments comes after the settings, so it wins.
        make_model(totals, request, ["--set", f"split.fold={fold}"])


def make_model(totals: Totals, request: ChainRequest, more: Sequence[str] = ()) -> None:
    """Make and evaluate a model of days that are taken in already; it is not promoted.

    Args:
        totals: Every stage's share; what the stages publish is added.
        request: The as-of day, and the settings of the model.
        more: Further arguments of every stage.
    """
    made: dict[str, str] = {}
    every = chain_stages(WINDOW, MODEL, pipeline=request.pipeline)
    for stage in (each for each in every if not each.first_seed_only):
        _model_child(totals, stage, request, made, more=more)


def take_in_days(request: ChainRequest) -> Totals:
    """Take in the days of a request, and make no model of them."""
    totals: Totals = defaultdict(StageTotals)
    _take_in(totals, request, request.first)
    return totals


def _take_in(totals: Totals, request: ChainRequest, history_from: str | None) -> None:
    """Run the stages of a partition over each table's partitions, those of the examples last."""
    pipeline = request.pipeline
    for table in tables_in_order(pipeline):
        keys = partitions_taken_in(pipeline, table, request.first, request.last, request.as_of)
        if keys:
            _take_in_table(totals, request, history_from, table.name, keys)


def _take_in_table(
    totals: Totals,
    request: ChainRequest,
    history_from: str | None,
    table: str,
    keys: Sequence[str],
) -> None:
    is_other = table != request.pipeline.examples
    common = ["--from", keys[0], "--to", keys[-1]]
    common += ["--table", table] if is_other else []
    common += ["--history-from", history_from] if history_from else []
    for stage in chain_stages(PARTITION, pipeline=request.pipeline):
        if is_other and not stage.each_table:
            continue
        _child(totals[stage.name], stage, request, common)


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
    needed = bytes_taken_in(work, request.first, request.last) + MODEL_BYTES
    require_disk(work.store, needed, f"the days {request.first} to {request.last}")
    require_days(work, request.first, request.last)


def replay_partition(
    pipeline: Pipeline,
    settings: tuple[str, ...],
    *,
    store: str,
    source: str | None,
    partition: str,
    table: str | None,
    history_from: str | None,
) -> Summary:
    """Take one partition in again, and make the features anew that it changes.

    Returns:
        The summary of its stages, with the quarantined rows before and after.
    """
    own = None if table == pipeline.examples else table
    before = Store(store).find(Ref(pipeline.name, VALIDATED, partition_key(partition, own)))
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
    _take_in_table(totals, request, history_from, table or pipeline.examples, [partition])
    if own is not None:
        _examples_again(totals, request, history_from, own)
    quarantined = before.outcome["quarantined"] if before else {}
    return _summary(request, totals) | {"quarantined_before": quarantined}


def _examples_again(
    totals: Totals, request: ChainRequest, history_from: str | None, changed: str
) -> None:
    """Make the examples' published partitions again from another table; unchanged ones are found."""
    pipeline = request.pipeline
    for stage in stages_again(pipeline, changed):
        keys = Store(request.store).keys(pipeline.name, stage.dataset)
        days = sorted(key.removeprefix("ds=") for key in keys if key.startswith("ds="))
        if days:
            common = ["--from", days[0], "--to", days[-1]]
            common += ["--history-from", history_from] if history_from else []
            _child(totals[stage.name], stage, request, common)


def _model_child(
    totals: Totals,
    stage: Stage,
    request: ChainRequest,
    made: dict[str, str],
    seed: int | None = None,
    more: Sequence[str] = (),
) -> None:
    """Run a stage of the model on what this run made before it, and note what it made.

    Args:
        totals: Every stage's share of the chain.
        stage: The stage.
        request: The chain.
        made: Digest of each result that the run has made, by name; the stage's own is added.
        seed: Seed of the model; None for stages that all seeds share.
        more: Further arguments.
    """
    arguments = ["--as-of", request.as_of, *more]
    if request.pipeline.has_cohort:
        # Whose history begins with this run's data is not missing what came before.
        arguments += ["--history-from", request.first]
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
            add_result(totals, event["result"])

    argv = ["stage", stage.name, request.pipeline.name, "--store", request.store]
    argv += [word for setting in request.settings for word in ("--set", setting)]
    argv += [word for option in request.options for word in ("--option", option)]
    # A seed among the arguments comes after the settings, so it wins.
    access = source_access(stage, request.pipeline, request.source, request.options)
    ended = run_stage(
        [*argv, *arguments, *access.argv],
        on_event=on_event,
        on_line=_log_line,
        server=False,
        env=access.env,
    )
    totals.cpu_seconds += ended.cpu_seconds
    totals.peak_memory_bytes = max(totals.peak_memory_bytes, ended.peak_memory_bytes)


def _log_line(line: str) -> None:
    log.info("%s", line)


def _summary(request: ChainRequest, totals: Totals) -> Summary:
    return {
        "pipeline": request.pipeline.name,
        "from": request.first,
        "to": request.last,
        "as_of": request.as_of,
        **summary_of(totals, by_fold=request.folds),
    }
