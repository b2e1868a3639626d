"""``run`` and ``replay``: the whole chain by hand, each stage in a process of its own.

Why: a laptop, a test and a benchmark need what the DAGs do, without Airflow.
Promise: the artifacts carry the digests that scheduled runs of the same days would give them.
"""

from typing import Annotated

import typer

from pipelines import api
from pipelines.cli.arguments import (
    Branch,
    HistoryFrom,
    Json,
    Name,
    Options,
    Settings,
    SourceUri,
    StoreUri,
    Table,
)
from pipelines.cli.summary import print_json, print_summary
from pipelines.core.errors import PartitionRefusedError, listed
from pipelines.core.store.branch_names import on_branch
from pipelines.core.text import counted


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("replay")(replay)


def run(
    pipeline: Name,
    store: StoreUri,
    source: SourceUri,
    first: Annotated[str, typer.Option("--from", help="First day of data.")],
    last: Annotated[str, typer.Option("--to", help="Last day of data.")],
    as_of: Annotated[
        str | None,
        typer.Option(help="As-of day of the model. [first day that knows the labels of --to]"),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            help="Models to train, from seeds training.seed upwards; the first is promoted."
        ),
    ] = 1,
    folds: Annotated[
        bool,
        typer.Option(
            "--folds",
            help="Cross-validate: train and test a model for each fold of the entities; promote none.",
        ),
    ] = False,
    settings: Settings = None,
    options: Options = None,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """Take in days of data, train a model on them, evaluate it, and register it."""
    store = on_branch(store, branch)
    summary = api.run(
        api.pipeline(pipeline, settings),
        store,
        source=source,
        from_=first,
        to=last,
        as_of=as_of,
        seeds=seeds,
        folds=folds,
        options=options,
    )
    print_json(summary) if json_ else print_summary(summary)
    if summary["refused"]:
        raise PartitionRefusedError(
            f"{counted(len(summary['refused']), 'partition')} refused "
            f"({listed(summary['refused'])}); the model was made without them. See report.html "
            f"of each one's validated artifact, or refusal.json of its ingested one."
        )


def replay(
    pipeline: Name,
    store: StoreUri,
    partition: Annotated[str, typer.Option(help="Partition to take in again.")],
    source: SourceUri = None,
    table: Table = None,
    history_from: HistoryFrom = None,
    settings: Settings = None,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """Validate a partition again after its source or its rules were fixed, and re-admit its rows."""
    store = on_branch(store, branch)
    summary = api.replay(
        api.pipeline(pipeline, settings),
        store,
        partition=partition,
        table=table,
        source=source,
        history_from=history_from,
    )
    print_json(summary) if json_ else print_summary(summary)
