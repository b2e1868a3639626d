"""``tune`` and ``trial``: look for better settings, all trials or one.

Why: a search by hand must be the search that the DAG runs: the same trials, study and winner.
Promise: what has ended is found, not run again; a stopped search goes on where it was.
"""

import json
import sys
from typing import Annotated

import typer

from pipelines import api
from pipelines.api.work import declared, work_for
from pipelines.cli.arguments import (
    Branch,
    HistoryFrom,
    Inputs,
    Json,
    Name,
    Options,
    Settings,
    StoreUri,
)
from pipelines.cli.summary import print_json
from pipelines.core.events import Sink
from pipelines.core.store.branch_names import on_branch
from pipelines.process.child import run_child
from pipelines.stages.tune.record import STAGE as TUNE

AsOf = Annotated[str, typer.Option(help="As-of day of the model that the settings are for.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(tune)
    app.command()(trial)


def tune(
    pipeline: Name,
    store: StoreUri,
    as_of: AsOf,
    trials: Annotated[int | None, typer.Option(help="Settings to try. [search.trials]")] = None,
    at_once: Annotated[int, typer.Option(help="Trials to run side by side.")] = 1,
    history_from: HistoryFrom = None,
    settings: Settings = None,
    options: Options = None,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """Search for settings on days before the model's test began, and publish the best."""
    store = on_branch(store, branch)
    result = api.tune(
        api.pipeline(pipeline, settings),
        store,
        as_of=as_of,
        trials=trials,
        at_once=at_once,
        history_from=history_from,
        options=options,
    )
    if json_:
        print_json(result)
    else:
        sys.stdout.write(f"{result['reason']}\n{result['uri']}\n")


def trial(
    pipeline: Name,
    store: StoreUri,
    as_of: AsOf,
    number: Annotated[int, typer.Option(min=0, help="Which trial, from 0.")],
    history_from: HistoryFrom = None,
    settings: Settings = None,
    options: Options = None,
    inputs: Inputs = None,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """Run one trial of a search to its end, or find it ended."""
    store = on_branch(store, branch)
    spec = declared(pipeline, settings)

    def work_on(sink: Sink) -> int:
        from pipelines.drivers.tuning.trial import run_trial

        work = work_for(
            TUNE,
            spec,
            store=store,
            as_of=as_of,
            history_from=history_from,
            options=options,
            inputs=inputs,
            sink=sink,
        )
        work.report.work = f"trial {number} as_of={as_of}"
        work.report.started()
        result = run_trial(work, number)
        work.report.result(result)
        if json_:
            sys.stdout.write(json.dumps(result) + "\n")
        return 0

    run_child(work_on, name=f"trial {number}")
