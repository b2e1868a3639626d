"""Read a registry: SQLite directly, anything else through MLflow's client.

Why: an evaluation takes about a second of CPU; importing MLflow to look up one alias would double it.
Promise: nothing is created; a registry that does not exist yet reads as an empty one.
Not here: recovery of a SQLite file after a killed writer (``sqlite.py``).
"""

import os
import sqlite3
from typing import TYPE_CHECKING, Any

from pipelines.shared.registry.errors import registry_errors
from pipelines.shared.registry.location import sqlite_path
from pipelines.shared.registry.sqlite import query
from pipelines.shared.registry.state import CHAMPION, Registered, Version, registered_from

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUN = """
SELECT 1 FROM tags JOIN runs USING (run_uuid) JOIN experiments USING (experiment_id)
WHERE experiments.name=:name AND tags.key='digest' AND tags.value=:digest
AND runs.lifecycle_stage='active' AND experiments.lifecycle_stage='active' LIMIT 1
"""


def read_registry(uri: str, model: str) -> Registered:
    """Read one registered model with its versions.

    Args:
        uri: ``sqlite:///path`` or any URI that MLflow takes.
        model: Name of the registered model, which is the pipeline's.

    Raises:
        TransientError: It is locked, or its server cannot be reached.
        ArtifactError: It is damaged.
        PermanentError: This user may not read it.
    """
    path = sqlite_path(uri)
    with registry_errors(uri):
        if path is None:
            return _from_client(uri, model)
        return query(path, lambda connection: _from_tables(connection, model), Registered())


def has_run(uri: str, experiment: str, digest: str) -> bool:
    """Whether a run of an experiment has that digest as a tag.

    Raises:
        As ``read_registry``.
    """
    path = sqlite_path(uri)
    with registry_errors(uri):
        if path is None:
            return _has_run(_client(uri), experiment, digest)
        about = {"name": experiment, "digest": digest}
        return query(path, lambda c: c.execute(RUN, about).fetchone() is not None, False)


def _from_tables(connection: sqlite3.Connection, model: str) -> Registered:
    def rows(sql: str) -> list[tuple[object, ...]]:
        return connection.execute(sql, {"name": model, "alias": CHAMPION}).fetchall()

    alias = rows(
        "SELECT version FROM registered_model_aliases WHERE name=:name AND alias=:alias"
    )
    of_model = rows("SELECT key, value FROM registered_model_tags WHERE name=:name")
    tags: dict[int, dict[str, str]] = {}
    for number, key, value in rows(
        "SELECT version, key, value FROM model_version_tags WHERE name=:name"
    ):
        tags.setdefault(int(str(number)), {})[str(key)] = str(value)
    found = rows(
        "SELECT version, source FROM model_versions WHERE name=:name "
        # MLflow's marker of a deleted version.
        "AND coalesce(current_stage, '') != 'Deleted_Internal' ORDER BY version"
    )
    versions = (
        Version(int(str(n)), str(source), tags.get(int(str(n)), {})) for n, source in found
    )
    champion = int(str(alias[0][0])) if alias else None
    return registered_from(versions, champion, {str(k): str(v) for k, v in of_model})


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
    return registered_from(versions, champion, held.tags)


def _has_run(client: Any, experiment: str, digest: str) -> bool:
    found = client.get_experiment_by_name(experiment)
    if found is None or found.lifecycle_stage != "active":
        return False
    tagged = f"tags.digest = '{digest}'"
    return bool(client.search_runs([found.experiment_id], tagged, max_results=1))


def _client(uri: str) -> "MlflowClient":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)
