"""``branch``: what branches there are, what differs from main, promoting and dropping one.

Why: what is tried beside production must be looked at, kept or thrown away without reading folders.
Promise: ``list`` and ``diff`` only read.
"""

import sys
from typing import Annotated

import typer

from pipelines import api
from pipelines.cli.arguments import Json, Name, StoreUri
from pipelines.core.events import Sink
from pipelines.core.text import counted, lined
from pipelines.process.child import run_child

BranchName = Annotated[
    str, typer.Argument(metavar="BRANCH", help="The branch, as --branch named it.")
]
branch = typer.Typer(
    help="Work beside production: list, diff, promote, drop.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(branch, name="branch")


@branch.command("list")
def list_(pipeline: Name, store: StoreUri, json_: Json = False) -> None:
    """List the branches of a pipeline."""
    from pipelines.cli.summary import print_json

    found = api.branches(pipeline, store)
    if json_:
        print_json({"branches": found})
        return
    for each in found:
        more = "; its promotion was stopped half-way" if each["unfinished"] else ""
        artifacts = counted(each["artifacts"], "artifact")
        sys.stdout.write(f"{each['branch']}  {artifacts} of its own{more}\n")
    if not found:
        sys.stdout.write(f"{pipeline} has no branches. A run with --branch NAME begins one.\n")


@branch.command()
def diff(pipeline: Name, name: BranchName, store: StoreUri, json_: Json = False) -> None:
    """Say what differs: artifacts, quarantined rows, features, metrics with paired intervals."""
    from pipelines.cli.summary import print_json
    from pipelines.drivers.branches.describing import describe_difference

    def work(sink: Sink) -> int:
        del sink
        found = api.branch_diff(pipeline, store, name)
        print_json(found) if json_ else sys.stdout.write(
            lined(describe_difference(found)) + "\n"
        )
        return 0

    run_child(work, name=f"branch diff {name}")


@branch.command()
def promote(
    pipeline: Name,
    name: BranchName,
    store: StoreUri,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Move main even where it published another version since."
        ),
    ] = False,
    json_: Json = False,
) -> None:
    """Make main publish what a branch has; nothing is made again."""
    from pipelines.cli.summary import print_json
    from pipelines.drivers.branches.describing import describe_promotion

    found = api.branch_promote(pipeline, store, name, force=force)
    print_json(found) if json_ else sys.stdout.write(lined(describe_promotion(found)) + "\n")


@branch.command()
def drop(
    pipeline: Name,
    name: BranchName,
    store: StoreUri,
    mlflow_uri: Annotated[
        str | None, typer.Option(help="MLflow server. [SQLite in the store]")
    ] = None,
    json_: Json = False,
) -> None:
    """Remove a branch; housekeeping removes what it alone had."""
    from pipelines.cli.summary import print_json

    found = api.branch_drop(pipeline, store, name, mlflow_uri=mlflow_uri)
    print_json(found) if json_ else sys.stdout.write(
        f"dropped {name}, which had {counted(found['artifacts'], 'artifact')} of its own; housekeeping "
        f"removes them\n"
    )
