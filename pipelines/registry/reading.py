"""Reading a registry: SQLite by itself, anything else through MLflow's client.

Why: an evaluation takes about a second of CPU; importing MLflow to look up one alias would double it.
Promise: nothing is written or created; no registry yet reads as an empty one.
"""

import os
import sqlite3
from pathlib import Path

from pipelines.errors import TransientError
from pipelines.registry.state import CHAMPION, HISTORY, Registered, Version, champions_from

WAIT_S = 30.0
SQLITE = "sqlite:///"


def read_registry(uri: str, model: str) -> Registered:
    """What the registry holds of one registered model.

    Args:
        uri: ``sqlite:///path`` or any URI that MLflow takes.
        model: Name of the registered model, which is the pipeline's.

    Raises:
        TransientError: The server cannot be reached.
    """
    if uri.startswith(SQLITE):
        return _from_sqlite(Path(uri.removeprefix(SQLITE)), model)
    return _from_client(uri, model)


def _from_sqlite(path: Path, model: str) -> Registered:
    if not path.exists():
        return Registered()
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=WAIT_S) as connection:
        try:
            return _from_tables(connection, model)
        except sqlite3.OperationalError as error:
            # Made this moment by somebody else: there is no version in it yet.
            if "no such table" in str(error):
                return Registered()
            raise
        finally:
            connection.commit()


def _from_tables(connection: sqlite3.Connection, model: str) -> Registered:
    def rows(query: str) -> list[tuple[object, ...]]:
        return connection.execute(
            query, {"name": model, "alias": CHAMPION, "key": HISTORY}
        ).fetchall()

    connection.execute("BEGIN")  # one snapshot for the four queries
    alias = rows(
        "SELECT version FROM registered_model_aliases WHERE name=:name AND alias=:alias"
    )
    tag = rows("SELECT value FROM registered_model_tags WHERE name=:name AND key=:key")
    tags: dict[int, dict[str, str]] = {}
    for number, key, value in rows(
        "SELECT version, key, value FROM model_version_tags WHERE name=:name"
    ):
        tags.setdefault(int(str(number)), {})[str(key)] = str(value)
    found = rows("SELECT version, source FROM model_versions WHERE name=:name ORDER BY version")
    versions = (
        Version(int(str(n)), str(source), tags.get(int(str(n)), {})) for n, source in found
    )
    champion = int(str(alias[0][0])) if alias else None
    history = champions_from(str(tag[0][0]) if tag else None, champion)
    return Registered(tuple(versions), champion, history)


def _from_client(uri: str, model: str) -> Registered:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    try:
        held = client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return Registered()
        # What the client makes of a server that cannot be reached.
        if error.error_code in {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"}:
            raise TransientError(
                f"The MLflow server {uri} did not answer: {error}. It is asked again."
            ) from error
        raise
    found = sorted(
        client.search_model_versions(f"name='{model}'"), key=lambda v: int(v.version)
    )
    versions = (Version(int(v.version), str(v.source), dict(v.tags)) for v in found)
    champion = int(held.aliases[CHAMPION]) if CHAMPION in held.aliases else None
    history = champions_from(held.tags.get(HISTORY), champion)
    return Registered(tuple(versions), champion, history)
