"""Where the registry of a store lies.

Why: evaluation, promotion and the command line must read the same registry without being told.
"""

from pathlib import Path

from pipelines.core.errors import ConfigError
from pipelines.core.store import Store

SQLITE = "sqlite:///"


def registry_uri(store: Store, asked: str | None = None) -> str:
    """The MLflow URI asked for, or the SQLite file at the store's root.

    Raises:
        ConfigError: None is asked for, and the store is not on this machine.
    """
    if asked:
        return str(asked)
    if not store.is_local:
        raise ConfigError(
            f"The store {store.uri} cannot hold a SQLite registry. Pass --option mlflow_uri=URI "
            f"(an MLflow server, or sqlite:////path/mlflow.db)."
        )
    return f"{SQLITE}{store.root}/mlflow.db"


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite URI, without what SQLAlchemy is asked after ``?``; None of any other."""
    if not uri.startswith(SQLITE):
        return None
    return Path(uri.removeprefix(SQLITE).partition("?")[0])
