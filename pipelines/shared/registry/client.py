"""Open an MLflow client without its log noise; create its SQLite file atomically.

Why: on first use MLflow runs its whole history of migrations, logs each, and leaves half a schema
    if it is killed meanwhile.
Promise: creating the file is atomic, even when several processes open it at the same time.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.registry.location import SQLITE, sqlite_path

if TYPE_CHECKING:
    from mlflow import MlflowClient

NOISY = ("mlflow", "alembic")
# Logs each error with its traceback before it raises it; ``errors.py`` reports it in a sentence.
TWICE = "mlflow.store.db.utils"


def open_client(uri: str) -> "MlflowClient":
    """An ``MlflowClient`` for that tracking and registry URI."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient

    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(TWICE).setLevel(logging.CRITICAL)
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        _make_tables(path)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _make_tables(path: Path) -> None:
    import sqlalchemy
    from mlflow.store.db.utils import _initialize_tables

    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".staging-{path.name}-{os.getpid()}")
    staged.unlink(missing_ok=True)
    engine = sqlalchemy.create_engine(f"{SQLITE}{staged}")
    # No data can be lost in a new file; syncing each migration takes seconds.
    sqlalchemy.event.listen(engine, "connect", _without_sync)
    try:
        _initialize_tables(engine)
        engine.dispose()
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        path.hardlink_to(staged)
    except FileExistsError:
        pass  # another process was first
    finally:
        staged.unlink(missing_ok=True)


def _without_sync(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA journal_mode=MEMORY")
