"""``stage``: one stage, as the Airflow operator calls it, by hand or as a child process.

Why: isolation, memory accounting and kills are per process; one process is one stage.
Promise: given the same arguments it publishes the same artifact, whoever asks.
"""

import json
import sys
from typing import Annotated

import typer

from pipelines import api
from pipelines.api.stages import StageRequest, perform_request
from pipelines.api.work import range_of_partitions, time_limit_s
from pipelines.cli.arguments import (
    Branch,
    HistoryFrom,
    Inputs,
    Json,
    Name,
    Options,
    Settings,
    SourceUri,
    StoreUri,
    Table,
)
from pipelines.core.errors import ConfigError
from pipelines.core.events import Sink
from pipelines.core.store.branch_names import on_branch
from pipelines.process.child import run_child
from pipelines.protocol import stage_named

Day = Annotated[str | None, typer.Option(help="A day, YYYY-MM-DD.")]
Partition = Annotated[
    str | None,
    typer.Option(
        help="A partition: a day, or 2026-01, 2026-W05 ... as the table's grain says."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("stage")(stage)


def stage(
    name: Annotated[
        str, typer.Argument(metavar="STAGE", help="Stage to run: a folder of pipelines/stages.")
    ],
    pipeline: Name,
    store: StoreUri,
    partition: Partition = None,
    table: Table = None,
    as_of: Day = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First of several partitions, or its day.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Last of several partitions, or its day.")
    ] = None,
    source: SourceUri = None,
    history_from: HistoryFrom = None,
    settings: Settings = None,
    options: Options = None,
    inputs: Inputs = None,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """Run one stage on a partition, on several (--from, --to), or for an as-of day."""
    store = on_branch(store, branch)
    if (first is None) != (last is None):
        raise ConfigError("--from and --to go together: the first and the last partition.")
    if partition is not None and first is not None:
        raise ConfigError(
            "--partition names one partition, --from and --to several: give one of them."
        )
    handle = api.pipeline(pipeline, settings)
    several = (
        range_of_partitions(handle.declaration, table, first, last) if first and last else None
    )
    request = StageRequest(
        stage=stage_named(name, handle.declaration),
        pipeline=handle,
        store=store,
        days=several or [partition],
        table=table,
        several=first is not None,
        as_of=as_of,
        source=source,
        history_from=history_from,
        options=tuple(options or ()),
        inputs=tuple(inputs or ()),
    )

    def work_on(sink: Sink) -> int:
        # Arguments are checked here, so that the caller gets what is wrong as the stage's own error.
        results = perform_request(request, sink)
        if json_:
            sys.stdout.write(json.dumps(results if first else results[0]) + "\n")
        return 0

    run_child(work_on, name=name, time_limit_s=time_limit_s(options))
