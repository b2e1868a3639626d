"""``models``: the registered versions of a pipeline, and which one is the champion.

Why: promoting by hand and rolling back are one command each, with an audit trail.
Promise: the registry is the one that the ``promote`` stage writes.
"""

from typing import Annotated

import typer

from pipelines.cli.arguments import Json, Name, StoreUri
from pipelines.core.errors import ConfigError
from pipelines.core.store import Store
from pipelines.spec import load


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
    json_: Json = False,
) -> None:
    """List registered versions; promote one, or roll back."""
    from pipelines.cli.summary import print_json, print_versions
    from pipelines.stages.promote.champion import open_registry
    from pipelines.stages.promote.model_files import require_files

    if promote is not None and rollback:
        raise ConfigError("--promote and --rollback exclude each other. Pass one of them.")
    registry = open_registry(store, load(pipeline).name, mlflow_uri)
    if promote is not None or rollback:
        held = registry.read()
        number = held.champions[-2] if rollback and len(held.champions) > 1 else promote
        if number is not None and (version := held.version(number)) is not None:
            require_files(Store(store), registry.uri, registry.model, version)
    if promote is not None:
        registry.promote(promote)
    elif rollback:
        registry.rollback()
    versions = registry.versions()
    print_json({"versions": versions}) if json_ else print_versions(pipeline, versions)
