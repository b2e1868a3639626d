"""``why`` and ``housekeeping``: what an artifact was made from, and what may be thrown away.

Why: "why did this run again" and "may I delete this" must not need reading code.
Promise: ``why`` only reads; ``housekeeping`` never touches what readers see.
"""

import sys
import time
from typing import Annotated

import typer

from pipelines.cli.arguments import Json, Name, StoreUri
from pipelines.events import Reporter, Sink
from pipelines.process.child import run_child
from pipelines.spec import load
from pipelines.store import Store
from pipelines.text import lined


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("why")(why)
    app.command("housekeeping")(housekeeping)


def why(
    artifact: Annotated[
        str, typer.Argument(help="Below the store: fraud_detection/features/ds=2026-01-31.")
    ],
    store: StoreUri,
    json_: Json = False,
) -> None:
    """Tell what an artifact was made from, and why it was made again."""
    from pipelines.cli.summary import print_json
    from pipelines.store.why import explain, told

    explained = explain(Store(store), artifact)
    print_json(explained) if json_ else sys.stdout.write(lined(told(explained)) + "\n")


def housekeeping(
    pipeline: Name,
    store: StoreUri,
    keep_versions: Annotated[
        int, typer.Option(help="Versions of an artifact to keep beside the published one.")
    ] = 1,
    keep_days: Annotated[
        float,
        typer.Option(help="Days before what a kill left (aside, checkpoints) is removed."),
    ] = 7.0,
    json_: Json = False,
) -> None:
    """Remove replaced versions, and what killed processes left behind."""
    from pipelines.cli.summary import print_json
    from pipelines.store.housekeeping import clean

    name = load(pipeline).name

    def work(sink: Sink) -> int:
        removed = clean(
            Store(store),
            name,
            keep_versions=keep_versions,
            left_before_s=time.time() - keep_days * 86_400,
        )
        Reporter(f"housekeeping {name}", sink).result(removed)
        if json_:
            print_json(removed)
        else:
            counts = ", ".join(f"{count} {what}" for what, count in removed.items())
            sys.stdout.write(f"{name}: removed {counts}\n")
        return 0

    run_child(work, name="housekeeping")
