"""Running one stage: in a process of its own, as Airflow does, or in this one.

Why: the command line, Airflow and a notebook must mean the same by the same arguments.
Promise: every argument is checked before a process is started; the artifact is the one that any other
    caller would get, under the same digest.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

from pipelines.api.opening import Assignments, PipelineHandle, assignments, opened, text
from pipelines.api.store import PublishedStore, absolute_source, open_store
from pipelines.api.work import range_of_partitions, time_limit_s, tuned, work_for
from pipelines.core.errors import HistoryNotReadyError, NoChampionError, PartitionRefusedError
from pipelines.core.events import Sink, to_log
from pipelines.process.launch import run_stage as run_child
from pipelines.process.source_access import SourceAccess, source_access
from pipelines.protocol import Result, Stage, Work, perform, ref_of, refusal, stage_named
from pipelines.protocol.stage import MODEL

AnyStore = str | PathLike[str] | PublishedStore
Source = str | PathLike[str] | None
Inputs = Mapping[str, str] | Iterable[str] | None
OnEvent = Callable[[Mapping[str, object]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRequest:
    """One stage's work on one day, or on several partitions in turn.

    Attributes:
        stage: The stage.
        pipeline: The pipeline with this run's settings.
        store: Root of the store.
        days: Partitions in turn; ``[None]`` for a stage that makes a model.
        table: The table that is taken in; None for the examples'.
        several: Whether they are a range, in which a refused day does not stop the later ones.
        as_of: As-of day.
        source: Root of the source files.
        history_from: First day of data.
        options: ``key=value`` options.
        inputs: ``name=digest`` inputs.
    """

    stage: Stage
    pipeline: PipelineHandle
    store: str
    days: Sequence[str | None]
    table: str | None = None
    several: bool = False
    as_of: str | None = None
    source: str | None = None
    history_from: str | None = None
    options: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    def works(self, sink: Sink) -> Iterator[Work]:
        """The work on each day in turn.

        Raises:
            ConfigError: An argument is malformed, or the stage needs the other kind of day.
            InputMissingError: The search that ``tuned`` names is not published.
        """
        spec, settings = self.pipeline.declaration, self.pipeline.settings
        if self.stage.scope == MODEL:
            spec = tuned(spec, settings, self.options, self.store, self.as_of)
        fetched: dict[str, Any] = {}
        for day in self.days:
            work = work_for(
                self.stage,
                spec,
                store=self.store,
                partition=day,
                table=self.table,
                as_of=self.as_of,
                source=self.source,
                history_from=self.history_from,
                options=self.options,
                inputs=self.inputs,
                sink=sink,
            )
            yield replace(work, fetched=fetched)

    def access(self) -> SourceAccess:
        """What a process of its own is given to read the source."""
        declared = self.pipeline.declaration
        return source_access(self.stage, declared, self.source, self.options)

    def argv(self) -> list[str]:
        """The same as arguments of ``python -m pipelines``."""
        ends = ("--from", self.days[0]), ("--to", self.days[-1])
        days = ends if self.several else (("--partition", self.days[0]),)
        named = (
            *days,
            ("--table", self.table),
            ("--as-of", self.as_of),
            ("--history-from", self.history_from),
            *(("--set", text) for text in self.pipeline.settings),
            *(("--option", text) for text in self.options),
            *(("--input", text) for text in self.inputs),
        )
        given = [word for flag, value in named if value is not None for word in (flag, value)]
        given += self.access().argv
        return ["stage", self.stage.name, self.pipeline.name, "--store", self.store, *given]


def run_stage(
    stage: str,
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    partition: str | None = None,
    table: str | None = None,
    as_of: str | None = None,
    source: Source = None,
    history_from: str | None = None,
    options: Assignments = None,
    inputs: Inputs = None,
    in_process: bool = False,
    on_event: OnEvent | None = None,
) -> Result:
    """Run one stage on a partition or for an as-of day, or find it done.

    Args:
        stage: Its name, such as ``ingest``.
        pipeline: A pipeline, opened with the settings of this run, or its name.
        store: Where artifacts are read and published.
        partition: Partition of a stage that works by partition: a day, or as the table's grain says.
        table: Table that ``ingest`` or ``validate`` takes in; by default the examples'.
        as_of: As-of day of a stage that makes a model.
        source: Root of the source files; only ``ingest`` reads it.
        history_from: First day of data; no window looks back beyond it. By default the start of
            the pipeline's schedule.
        options: What is asked of the stage beside settings: ``{"track": False}``.
        inputs: Versions of earlier stages' results to read: ``{"model": digest}``; by default
            what is published.
        in_process: Work in this process, for a debugger; by default in one of its own, whose
            memory and end are its own too.
        on_event: Gets each event (started, progress, metrics, log, result); by default progress
            and messages are logged.

    Returns:
        ``stage``, ``pipeline``, ``key``, ``uri``, ``digest``, ``content``, ``cached``, ``rows``,
        ``metrics``, ``verdict``, ``reason``, ``quarantined`` and how long it took: what the
        command's ``--json`` prints.

    Raises:
        ConfigError: No such stage, pipeline, setting or option; a day is missing or malformed.
        PartitionRefusedError: The stage refused the partition; what it found is published.
        TransientError: A retry can help: no memory, a lost worker, a source that is not there yet.
        PermanentError: Anything else that the stage raised.
    """
    handle = opened(pipeline)
    request = StageRequest(
        stage=stage_named(text(stage, "The name of a stage"), handle.declaration),
        pipeline=handle,
        store=open_store(store).uri,
        days=[partition],
        table=table,
        as_of=as_of,
        source=absolute_source(source),
        history_from=history_from,
        options=assignments(options, "options"),
        inputs=assignments(inputs, "inputs"),
    )
    return _ran(request, on_event, in_process=in_process)[0]


def run_partitions(
    stage: str,
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    from_: str,
    to: str,
    table: str | None = None,
    source: Source = None,
    history_from: str | None = None,
    options: Assignments = None,
    in_process: bool = False,
    on_event: OnEvent | None = None,
) -> list[Result]:
    """Run one stage on several partitions in turn, in one process.

    A day that the stage refuses, or that has no history yet, does not stop the later ones.

    Args:
        stage: A stage that works by day.
        pipeline: As ``run_stage``.
        store: As ``run_stage``.
        from_: First day or partition.
        to: Last day or partition.
        table: As ``run_stage``.
        source: As ``run_stage``.
        history_from: As ``run_stage``.
        options: As ``run_stage``.
        in_process: As ``run_stage``.
        on_event: As ``run_stage``.

    Returns:
        The result of each day as ``run_stage`` has it; of one that was left out, ``left`` says why.

    Raises:
        PipelineError: As ``run_stage``.
    """
    handle = opened(pipeline)
    request = StageRequest(
        stage=stage_named(text(stage, "The name of a stage"), handle.declaration),
        pipeline=handle,
        store=open_store(store).uri,
        days=range_of_partitions(handle.declaration, table, from_, to),
        table=table,
        several=True,
        source=absolute_source(source),
        history_from=history_from,
        options=assignments(options, "options"),
    )
    return _ran(request, on_event, in_process=in_process)


def perform_request(request: StageRequest, sink: Sink) -> list[Result]:
    """Do the work in this process, and return the result of each day."""
    results = []
    for work in request.works(sink):
        work.report.started()
        results.append(
            _one_of_several(request, work) if request.several else perform(request.stage, work)
        )
        work.report.result(results[-1])
    return results


def _one_of_several(request: StageRequest, work: Work) -> Result:
    # A bad day must not keep the days after it from being done.
    try:
        return perform(request.stage, work, reach=work.day == request.days[-1])
    except (PartitionRefusedError, HistoryNotReadyError, NoChampionError) as left:
        work.report.log(str(left))
        own = refusal(request.stage, work)
        key = ref_of(request.stage, work).key
        return own or {"stage": request.stage.name, "key": key, "left": str(left)}


def _ran(request: StageRequest, on_event: OnEvent | None, *, in_process: bool) -> list[Result]:
    sink, results = on_event or to_log, list[Result]()
    time_limit_s(request.options)
    next(request.works(sink))  # refuse what is malformed before a process is started
    if in_process:
        return perform_request(request, sink)

    def on_child(event: Mapping[str, object]) -> None:
        if event["event"] == "result" and isinstance(event["result"], dict):
            results.append(event["result"])
        sink(event)

    env = request.access().env
    run_child(request.argv(), on_event=on_child, on_line=_log_line, server=False, env=env)
    return results


def _log_line(line: str) -> None:
    to_log({"event": "log", "message": line})
