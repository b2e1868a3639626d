"""``stage``: one stage, as the Airflow operator calls it, by hand or as a child process.

Why: isolation, memory accounting and kills are per process; one process is one stage.
Promise: told the same arguments it publishes the same artifact, whoever asks.
"""

import json
import sys
from typing import Annotated

import typer

from pipelines.cli.arguments import (
    HistoryFrom,
    Inputs,
    Json,
    Name,
    Options,
    Settings,
    SourceUri,
    StoreUri,
    declared,
    time_limit_s,
    tuned,
    work_for,
)
from pipelines.core.days import days_between
from pipelines.core.errors import ConfigError, HistoryNotReadyError, PartitionRefusedError
from pipelines.core.events import Sink
from pipelines.process.child import run_child
from pipelines.protocol import Result, Work, perform, refusal, stage_named
from pipelines.protocol.stage import MODEL

Day = Annotated[str | None, typer.Option(help="A day, YYYY-MM-DD.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("stage")(stage)


def stage(
    name: Annotated[
        str, typer.Argument(metavar="STAGE", help="Stage to run: a folder of pipelines/stages.")
    ],
    pipeline: Name,
    store: StoreUri,
    partition: Day = None,
    as_of: Day = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First of several partitions.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Last of several partitions.")
    ] = None,
    source: SourceUri = None,
    history_from: HistoryFrom = None,
    settings: Settings = None,
    options: Options = None,
    inputs: Inputs = None,
    json_: Json = False,
) -> None:
    """Run one stage on a partition, on several (--from, --to), or for an as-of day."""
    chosen, spec = stage_named(name), declared(pipeline, settings)
    if (first is None) != (last is None):
        raise ConfigError("--from and --to go together: the first and the last partition.")
    days = days_between(first, last) if first and last else [partition]
    if not days:
        raise ConfigError(f"--to {last} is before --from {first}. Swap them.")

    def work_on(sink: Sink) -> int:
        results = []
        # Looked up here, so that a search that is not there is told as the stage's own error.
        asked = tuned(spec, settings, options, store, as_of) if chosen.scope == MODEL else spec
        for day in days:
            work = work_for(
                chosen,
                asked,
                store=store,
                partition=day,
                as_of=as_of,
                source=source,
                history_from=history_from,
                options=options,
                inputs=inputs,
                sink=sink,
            )
            work.report.started()
            results.append(_one_of_several(work) if first else perform(chosen, work))
            work.report.result(results[-1])
        if json_:
            sys.stdout.write(json.dumps(results if first else results[0]) + "\n")
        return 0

    def _one_of_several(work: Work) -> Result:
        # A bad day must not keep the days after it from being done.
        try:
            return perform(chosen, work, reach=work.day == last)
        except (PartitionRefusedError, HistoryNotReadyError) as left:
            work.report.log(str(left))
            own = refusal(chosen, work)
            return own or {"stage": chosen.name, "key": f"ds={work.day}", "left": str(left)}

    run_child(work_on, name=name, time_limit_s=time_limit_s(options))
