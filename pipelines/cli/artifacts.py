"""``why``, ``verify``, ``housekeeping``: what artifacts were made from, are still, and may go.

Why: "why did this run again", "is this still whole" and "may I delete this" must not need reading code.
Promise: ``why`` only reads; ``verify`` writes manifests and only if asked; ``housekeeping`` never
    touches what readers see or anything refers to.
"""

import sys
from typing import Annotated

import typer

from pipelines import api
from pipelines.cli.arguments import Branch, Json, Name, StoreUri
from pipelines.core.errors import PermanentError
from pipelines.core.events import Reporter, Sink
from pipelines.core.store.branch_names import on_branch
from pipelines.core.text import lined
from pipelines.process.child import run_child


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("why")(why)
    app.command("verify")(verify)
    app.command("housekeeping")(housekeeping)


def why(
    artifact: Annotated[
        str, typer.Argument(help="Below the store: fraud_detection/features/ds=2026-01-31.")
    ],
    store: StoreUri,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """Show what an artifact was made from, and why it was made again."""
    store = on_branch(store, branch)
    from pipelines.cli.summary import print_json
    from pipelines.core.store.why import describe_explanation

    explained = api.why(artifact, store)
    print_json(explained) if json_ else sys.stdout.write(
        lined(describe_explanation(explained)) + "\n"
    )


def verify(
    store: StoreUri,
    pipeline: Annotated[
        str | None, typer.Argument(help="Pipeline to look at. [every one in the store]")
    ] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Mend manifests; have damaged files made again by the next run."
        ),
    ] = False,
    json_: Json = False,
) -> None:
    """Read every published file back and compare it with what was written; code 3 if one differs."""
    from pipelines.cli.summary import print_json
    from pipelines.core.store.verified_store import VerifiedStore, describe_verification

    def work(sink: Sink) -> int:
        report = Reporter("verify", sink)
        found = api.verify(
            store,
            pipeline,
            repair=repair,
            on_progress=lambda done, of: report.progress(done, of, unit="artifacts"),
        )
        print_json(found) if json_ else sys.stdout.write(
            describe_verification(VerifiedStore(**found)) + "\n"
        )
        return PermanentError.exit_code if found["damaged"] else 0

    run_child(work, name="verify")


def housekeeping(
    pipeline: Name,
    store: StoreUri,
    keep_versions: Annotated[
        int,
        typer.Option(min=0, help="Versions of an artifact to keep beside the published one."),
    ] = 1,
    keep_days: Annotated[
        float,
        typer.Option(
            min=0,
            help="Days before what a kill left (staging directories, checkpoints) is removed.",
        ),
    ] = 7.0,
    depth: Annotated[
        int | None,
        typer.Option(
            min=0, help="Steps back to keep what a kept version was made from. [all of them]"
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Remove nothing; list every version, and why it stays or goes."
        ),
    ] = False,
    mlflow_uri: Annotated[
        str | None, typer.Option(help="MLflow server. [SQLite in the store]")
    ] = None,
    json_: Json = False,
) -> None:
    """Remove replaced versions that nothing refers to, and what killed processes left behind."""
    from pipelines.cli.summary import print_cleaned, print_json

    name = api.pipeline(pipeline).name

    def work(sink: Sink) -> int:
        removed = api.housekeeping(
            name,
            store,
            keep_versions=keep_versions,
            keep_days=keep_days,
            depth=depth,
            dry_run=dry_run,
            mlflow_uri=mlflow_uri,
        )
        counts = {what: count for what, count in removed.items() if what != "reasons"}
        Reporter(f"housekeeping {name}", sink).result(counts)
        print_json(removed) if json_ else print_cleaned(name, removed, dry_run=dry_run)
        return 0

    run_child(work, name="housekeeping")
