"""Opening MLflow quietly, its SQLite made once.

Why: on first use MLflow runs its whole history of migrations, and says so at length.
Promise: two processes opening a new registry at once make it once.
"""

import logging
import os
from typing import Any

NOISY = ("mlflow", "alembic")


def open_client(uri: str) -> Any:
    """An ``MlflowClient`` for that tracking and registry URI."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)
