"""``reachable``: how near a model of simulated rows comes to the best score that they allow."""

import sys
from typing import Annotated

import typer

from pipelines.cli.arguments import Json, Name, StoreUri
from pipelines.spec import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reachable")(reachable)


def reachable(
    pipeline: Name,
    store: StoreUri,
    source: Annotated[str, typer.Option(help="Folder that `simulate` wrote.")],
    as_of: Annotated[str, typer.Option(help="As-of day of the model, YYYY-MM-DD.")],
    json_: Json = False,
) -> None:
    """Print the best reachable score beside the model's, on its test rows."""
    from pipelines.cli.summary import print_json
    from pipelines.drivers.reachable import reachable as compared

    load(pipeline)
    found = compared(pipeline, store, source, as_of)
    if json_:
        print_json(found.as_dict())
        return
    sys.stdout.write(
        f"{pipeline} as of {as_of}: {found.rows:,} test rows, {found.events:,} events\n"
        f"concordance of the model                       {found.model:.4f}\n"
        f"best reachable, by the records                 {found.recorded:.4f}\n"
        f"by the hidden state, which no record shows     {found.hidden:.4f}\n"
        f"reached of the best reachable, above 0.5       {found.share:.1%}\n"
    )
