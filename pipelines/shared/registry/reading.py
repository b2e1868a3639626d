"""Reading a registry: SQLite by itself, anything else through MLflow's client.

Why: an evaluation takes about a second of CPU; importing MLflow to look up one alias would double it.
Promise: nothing is made; no registry yet reads as an empty one.
Not here: what a killed writer left of a SQLite file (``sqlite.py``).
"""

import os
import sqlite3
from typing import Any

from pipelines.shared.registry.failures import telling
from pipelines.shared.registry.sqlite import asked
from pipelines.shared.registry.state import (
    CHAMPION,
    HISTORY,
    Registered,
    Version,
    champions_from,
)
from pipelines.shared.registry.where import sqlite_path

RUN = """
SELECT 1 FROM tags JOIN runs USING (run_uuid) JOIN experiments USING (experiment_id)
WHERE experiments.name=:name AND tags.key='digest' AND tags.value=:digest
AND runs.lifecycle_stage='active' AND experiments.lifecycle_stage='active' LIMIT 1
"""


def read_registry(uri: str, model: str) -> Registered:
    """What the registry holds of one registered model.

    Args:
        uri: ``sqlite:///path`` or any URI that MLflow takes.
        model: Name of the registered model, which is the pipeline's.

    Raises:
        TransientError: It is locked, or its server cannot be reached.
        ArtifactError: It is damaged.
        PermanentError: This user may not read it.
    """
    path = sqlite_path(uri)
    with telling(uri):
        if path is None:
            return _from_client(uri, model)
        return asked(path, lambda connection: _from_tables(connection, model), Registered())


def has_run(uri: str, experiment: str, digest: str) -> bool:
    """Whether a run of an experiment carries that digest.

    Raises:
        As ``read_registry``.
    """
    path = sqlite_path(uri)
    with telling(uri):
        if path is None:
            return _has_run(_client(uri), experiment, digest)
        about = {"name": experiment, "digest": digest}
        return asked(path, lambda c: c.execute(RUN, about).fetchone() is not None, False)


def _from_tables(connection: sqlite3.Connection, model: str) -> Registered:
    def rows(query: str) -> list[tuple[object, ...]]:
        return connection.execute(
            query, {"name": model, "alias": CHAMPION, "key": HISTORY}
        ).fetchall()

    alias = rows(
        "SELECT version FROM registered_model_aliases WHERE name=:name AND alias=:alias"
    )
    tag = rows("SELECT value FROM registered_model_tags WHERE name=:name AND key=:key")
    tags: dict[int, dict[str, str]] = {}
    for number, key, value in rows(
        "SELECT version, key, value FROM model_version_tags WHERE name=:name"
    ):
        tags.setdefault(int(str(number)), {})[str(key)] = str(value)
    found = rows(
        "SELECT version, source FROM model_versions WHERE name=:name "
        # What MLflow leaves of a version that was deleted.
        "AND coalesce(current_stage, '') != 'Deleted_Internal' ORDER BY version"
    )
    versions = (
        Version(int(str(n)), str(source), tags.get(int(str(n)), {})) for n, source in found
    )
    champion = int(str(alias[0][0])) if alias else None
    history = champions_from(str(tag[0][0]) if tag else None, champion)
    return Registered(tuple(versions), champion, history)


def _from_client(uri: str, model: str) -> Registered:
    client = _client(uri)
    from mlflow.exceptions import MlflowException

    try:
        held = client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return Registered()
        raise
    found = sorted(
        client.search_model_versions(f"name='{model}'"), key=lambda v: int(v.version)
    )
    versions = (Version(int(v.version), str(v.source), dict(v.tags)) for v in found)
    champion = int(held.aliases[CHAMPION]) if CHAMPION in held.aliases else None
    history = champions_from(held.tags.get(HISTORY), champion)
    return Registered(tuple(versions), champion, history)


def _has_run(client: Any, experiment: str, digest: str) -> bool:
    found = client.get_experiment_by_name(experiment)
    if found is None or found.lifecycle_stage != "active":
        return False
    query = f"tags.digest = '{digest}'"
    return bool(client.search_runs([found.experiment_id], query, max_results=1))


def _client(uri: str) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)
