"""The location of a store's registry.

Why: evaluation, promotion and the command line must read the same registry by default.
"""

from pathlib import Path

from pipelines.core.errors import ConfigError
from pipelines.core.store import Store

SQLITE = "sqlite:///"


def registry_uri(store: Store, requested: str | None = None) -> str:
    """The requested MLflow URI, or the SQLite file at the store's root.

    Raises:
        ConfigError: None is requested, and the store is not on this machine.
    """
    if requested:
        return str(requested)
    if not store.is_local:
        raise ConfigError(
            f"The store {store.uri} cannot hold a SQLite registry. Pass --option mlflow_uri=URI "
            f"(an MLflow server, or sqlite:////path/mlflow.db)."
        )
    return f"{SQLITE}{store.root}/mlflow.db"


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite URI, without SQLAlchemy's options after ``?``; None for any other URI."""
    if not uri.startswith(SQLITE):
        return None
    return Path(uri.removeprefix(SQLITE).partition("?")[0])
