"""``models``: the registered versions of a pipeline, and which one is the champion.

Why: promoting by hand and rolling back are one command each, with an audit trail.
Promise: the registry is the one that the ``promote`` stage writes.
"""

from typing import Annotated

import typer

from pipelines import api
from pipelines.cli.arguments import Branch, Json, Name, StoreUri
from pipelines.core.errors import ConfigError
from pipelines.core.store.branch_names import on_branch


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
    mlflow_uri: Annotated[
        str | None, typer.Option(help="MLflow server. [SQLite in the store]")
    ] = None,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """List registered versions; promote one, or roll back."""
    store = on_branch(store, branch)
    from pipelines.cli.summary import print_json, print_versions

    if promote is not None and rollback:
        raise ConfigError("--promote and --rollback exclude each other. Pass one of them.")
    if promote is not None:
        api.promote(pipeline, store, promote, mlflow_uri=mlflow_uri)
    elif rollback:
        api.rollback(pipeline, store, mlflow_uri=mlflow_uri)
    versions = api.models(pipeline, store, mlflow_uri=mlflow_uri)
    print_json({"versions": versions}) if json_ else print_versions(pipeline, versions)
