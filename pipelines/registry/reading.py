"""Reading a registry: SQLite by itself, anything else through MLflow's client.

Why: an evaluation takes about a second of CPU; importing MLflow to look up one alias would double it.
Promise: no registry is made, and none yet reads as an empty one. What a killed writer left is rolled
    back or taken in, as SQLite would do for whoever opens it next; where this user may not write, in a
    private copy.
"""

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from pipelines.errors import TransientError
from pipelines.registry.failures import CLOSED, DamagedError, code_of, telling
from pipelines.registry.state import CHAMPION, HISTORY, Registered, Version, champions_from
from pipelines.registry.where import sqlite_path

WAIT_S = 30.0
COPY_TRIES = 5
# The database, and what says how its last transaction ended.
PARTS = ("", "-journal", "-wal")


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
        return _from_client(uri, model) if path is None else _from_sqlite(path, model)


def _from_sqlite(path: Path, model: str) -> Registered:
    if not path.exists():
        return Registered()
    try:
        return _from_file(path, model)
    except sqlite3.OperationalError as error:
        # What a killed writer left can only be seen to by who may write beside the database.
        whole = getattr(error, "sqlite_errorcode", 0)
        if code_of(error) not in CLOSED and whole != sqlite3.SQLITE_IOERR_DELETE:
            raise
    with tempfile.TemporaryDirectory(prefix="millrace-registry-") as folder:
        return _from_file(_copied(path, Path(folder)), model)


def _from_file(path: Path, model: str) -> Registered:
    # Never mode=ro: a journal left by a killed writer could not be rolled back.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=WAIT_S)) as connection:
        try:
            return _from_tables(connection, model)
        except sqlite3.OperationalError as error:
            # Made this moment by somebody else: there is no version in it yet.
            if "no such table" in str(error):
                return Registered()
            raise
        except ValueError as error:  # a version that is no number
            raise DamagedError(str(error)) from error


def _copied(path: Path, folder: Path) -> Path:
    """A copy of a database as one moment left it.

    Raises:
        TransientError: Somebody kept on writing.
    """
    for _ in range(COPY_TRIES):
        before = _facts(path)
        for part in PARTS:
            target = folder / f"{path.name}{part}"
            target.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{part}", target)
        if _facts(path) == before:
            return folder / path.name
    raise TransientError(
        f"The registry {path} was written to each of {COPY_TRIES} times that a copy was made of it, "
        f"as this user may not open it for writing. It is tried again."
    )


def _facts(path: Path) -> list[tuple[int, int] | None]:
    found = [Path(f"{path}{part}") for part in PARTS]
    return [(s.st_mtime_ns, s.st_size) if (s := _stat(p)) else None for p in found]


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


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
        raise
    found = sorted(
        client.search_model_versions(f"name='{model}'"), key=lambda v: int(v.version)
    )
    versions = (Version(int(v.version), str(v.source), dict(v.tags)) for v in found)
    champion = int(held.aliases[CHAMPION]) if CHAMPION in held.aliases else None
    history = champions_from(held.tags.get(HISTORY), champion)
    return Registered(tuple(versions), champion, history)
