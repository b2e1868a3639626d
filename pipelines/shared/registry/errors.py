"""Convert errors of SQLite and MLflow about a registry to transient or permanent errors.

Why: a retry helps with a locked or full registry and not with a damaged one, and MLflow has one class
    for all.
Promise: errors of SQLite are classified by their result codes, found in the chain of causes; our own
    errors are raised unchanged; MLflow is not imported.
"""

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.core.errors import (
    ArtifactError,
    OutOfMemoryError,
    PermanentError,
    PipelineError,
    TransientError,
)
from pipelines.protocol import giver_of
from pipelines.shared.registry.location import sqlite_path

# Primary result codes, the low eight bits: https://www.sqlite.org/rescode.html
PRIMARY = 0xFF
LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
CLOSED = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
)
PASSING = {
    sqlite3.SQLITE_FULL: TransientError,
    sqlite3.SQLITE_IOERR: TransientError,
    sqlite3.SQLITE_NOMEM: OutOfMemoryError,
}
AWAY = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE")


class DamagedError(sqlite3.DatabaseError):
    """SQLite could read the file, but its contents are not those of a registry."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


@contextmanager
def registry_errors(uri: str) -> Iterator[None]:
    """Convert the errors of SQLite and MLflow in the block to ours.

    Args:
        uri: The registry that the block reads or writes.

    Raises:
        TransientError: It is locked, its disk is full or fails, or its server does not answer.
        ArtifactError: It is damaged.
        PermanentError: This user may not open it, or it refused the request.
    """
    began = time.monotonic()
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        converted = _converted(uri, error, time.monotonic() - began)
        if converted is None:
            raise
        raise converted from error


def code_of(error: sqlite3.Error) -> int:
    """SQLite's primary result code; SQLITE_CORRUPT where Python could not decode a text."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & PRIMARY


def _converted(uri: str, error: Exception, waited_s: float) -> PipelineError | None:
    path = sqlite_path(uri)
    found = next((e for e in _chain(error) if isinstance(e, sqlite3.Error)), None)
    if path is not None and found is not None:
        return _of_sqlite(path, found, waited_s)
    if path is not None and isinstance(error, OSError):
        return _of_system(path, error)
    exceptions = sys.modules.get("mlflow.exceptions")
    if exceptions is None or not isinstance(error, exceptions.MlflowException):
        return None
    return _of_mlflow(uri, error)


def _of_mlflow(uri: str, error: Any) -> PipelineError:
    if sqlite_path(uri) is None and error.error_code in AWAY:  # its client's code for no answer
        return TransientError(f"The MLflow server {uri} did not answer: {error}. Run it again.")
    return PermanentError(f"The registry {uri} refused the request: {error}")


def _of_sqlite(path: Path, error: sqlite3.Error, waited_s: float) -> PipelineError:
    code = code_of(error)
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_DBMOVED:
        return TransientError(
            f"The registry {path} was moved or deleted while this process had it open. Run it "
            f"again: the next run opens the file that is there then."
        )
    if code in LOCKED:
        return TransientError(
            f"The registry {path} was still locked by another process after {waited_s:.0f} s "
            f"({error}). Run it again; if it stays locked, fuser {path} shows the process."
        )
    if code in PASSING:
        return PASSING[code](
            f"The registry {path} could not be read or written: {error}. Free some space on its disk "
            f"or memory, or check the disk, and run it again."
        )
    if code in DAMAGED:
        return ArtifactError(_damaged(path, error))
    if code in CLOSED:
        return _closed(path, error)
    return PermanentError(
        f"The registry {path} is not of this MLflow version: {error}. Back it up, then upgrade an older "
        f"one with: mlflow db upgrade sqlite:///{path}"
    )


def _of_system(path: Path, error: OSError) -> PipelineError:
    if isinstance(error, PermissionError | IsADirectoryError | NotADirectoryError):
        return _closed(path, error)
    return TransientError(f"The registry {path} could not be read: {error}. Run it again.")


def _closed(path: Path, error: Exception) -> PermanentError:
    return PermanentError(
        f"The registry {path} cannot be opened, or not written, by this user: {error}. It must be a "
        f"file that this user may read and write, in a folder where this user may create files."
    )


def _damaged(path: Path, error: Exception) -> str:
    return (
        f"The registry {path} is damaged: {error}. Restore a backup; or move it away and run "
        f"{giver_of('promotion').name} again for the as-of days of its models, the earliest first: they are registered again from "
        f"the store."
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
