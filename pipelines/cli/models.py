"""``models``: the registered versions of a pipeline, which one is the champion, and since when and why.

Why: promoting by hand and rolling back are one command each, with an audit trail.
Promise: the registry is the one that the ``promote`` stage writes.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from pipelines import api
from pipelines.cli.arguments import Branch, Json, Name, StoreUri
from pipelines.core.errors import ConfigError
from pipelines.core.events import Reporter
from pipelines.core.store.branch_names import on_branch
from pipelines.process.child import run_child


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("models")(models)


def models(
    pipeline: Name,
    store: StoreUri,
    promote: Annotated[int | None, typer.Option(help="Make this version the champion.")] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Make the previous champion the champion again.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="List every change of the champion.")
    ] = False,
    why: Annotated[
        str, typer.Option(help="Reason of a promotion or rollback, kept in the history.")
    ] = "",
    who: Annotated[
        str | None, typer.Option(help="Who promotes or rolls back. [this process's user]")
    ] = None,
    from_day: Annotated[
        str | None,
        typer.Option(help="Day from which it is in force. [the first that is not scored yet]"),
    ] = None,
    expect: Annotated[
        int | None, typer.Option(help="Change nothing unless this version is the champion.")
    ] = None,
    mlflow_uri: Annotated[
        str | None, typer.Option(help="MLflow server. [SQLite in the store]")
    ] = None,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """List registered versions or the champion's history; promote one, or roll back."""
    store = on_branch(store, branch)
    from pipelines.cli.summary import print_changes, print_json, print_versions

    changing = promote is not None or rollback
    said = {"why": why, "who": who, "from_day": from_day, "expect": expect}
    _require_one(
        promote is not None, rollback, history, said=changing or not any(said.values())
    )
    if changing:
        name, show = f"models {pipeline}", print_json if json_ else _print_change
        said |= {"mlflow_uri": mlflow_uri}
        run_child(
            lambda sink: _change(pipeline, store, promote, said, Reporter(name, sink), show),
            name=name,
        )
    if history:
        changes = api.champion_changes(pipeline, store, mlflow_uri=mlflow_uri)
        print_json({"changes": changes}) if json_ else print_changes(pipeline, changes)
        return
    versions = api.models(pipeline, store, mlflow_uri=mlflow_uri)
    print_json({"versions": versions}) if json_ else print_versions(pipeline, versions)


def _require_one(*asked: bool, said: bool) -> None:
    """Check that one thing is asked for, and a change where its reason is given.

    Raises:
        ConfigError: Two are, or none that has a reason.
    """
    if sum(asked) > 1:
        raise ConfigError("--promote, --rollback and --history exclude each other. Pass one.")
    if not said:
        raise ConfigError(
            "--why, --who, --from-day and --expect say how the champion is changed. Pass --promote "
            "VERSION or --rollback with them."
        )


def _change(
    pipeline: str,
    store: str,
    promote: int | None,
    said: Mapping[str, Any],
    reporter: Reporter,
    show: Callable[[Mapping[str, Any]], None],
) -> int:
    """Promote a version, or roll back, and show what came of it."""
    if promote is None:
        change = api.rollback(pipeline, store, **said)
    else:
        change = api.promote(pipeline, store, promote, **said)
    reporter.result(change)
    show(change)
    return 0


def _print_change(change: Mapping[str, Any]) -> None:
    version, was = (f"version {change[n]}" if change[n] else "none" for n in ("version", "was"))
    said = f"{version} is the champion"
    if change["changed"]:
        said += f", in force from {change['from_day'] or 'the first day'} on; before: {was}"
    else:
        said += " already; nothing was changed"
    sys.stdout.write(f"{said}\n")
