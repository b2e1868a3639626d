"""What SQLite and MLflow raise of a registry, as errors that say whether a retry can help.

Why: a locked or full registry passes, a damaged one does not, and MLflow has one class for all.
Promise: SQLite is told apart by its own result codes, found below whatever wrapped them; an error of
    our own passes as it is; MLflow is not imported.
"""

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.core.errors import (
    ArtifactError,
    OutOfMemoryError,
    PermanentError,
    PipelineError,
    TransientError,
)
from pipelines.protocol import giver_of
from pipelines.shared.registry.where import sqlite_path

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
    """SQLite read it, and it is no registry."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


@contextmanager
def telling(uri: str) -> Iterator[None]:
    """Raise what SQLite or MLflow raises in the block as an error of ours.

    Args:
        uri: The registry that the block reads or writes.

    Raises:
        TransientError: It is locked, its disk is full or fails, or its server does not answer.
        ArtifactError: It is damaged.
        PermanentError: This user may not open it, or it refuses what was asked of it.
    """
    began = time.monotonic()
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        told = _told(uri, error, time.monotonic() - began)
        if told is None:
            raise
        raise told from error


def code_of(error: sqlite3.Error) -> int:
    """SQLite's primary result code; that of damage where Python could not decode a text."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & PRIMARY


def _told(uri: str, error: Exception, waited_s: float) -> PipelineError | None:
    path = sqlite_path(uri)
    found = next((e for e in _chain(error) if isinstance(e, sqlite3.Error)), None)
    if path is not None and found is not None:
        return _of_sqlite(path, found, waited_s)
    if path is not None and isinstance(error, OSError):
        return _of_system(path, error)
    exceptions = sys.modules.get("mlflow.exceptions")
    if exceptions is None or not isinstance(error, exceptions.MlflowException):
        return None
    if path is None and error.error_code in AWAY:  # what its client makes of no answer
        return TransientError(f"The MLflow server {uri} did not answer: {error}. Try again.")
    return PermanentError(f"The registry {uri} refused what was asked of it: {error}")


def _of_sqlite(path: Path, error: sqlite3.Error, waited_s: float) -> PipelineError:
    code = code_of(error)
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_DBMOVED:
        return TransientError(
            f"The registry {path} was moved or deleted while this process had it open. Try again: "
            f"the next try opens the one that is there then."
        )
    if code in LOCKED:
        return TransientError(
            f"The registry {path} was still locked by another process after {waited_s:.0f} s "
            f"({error}). Try again; if it stays locked, fuser {path} tells by which process."
        )
    if code in PASSING:
        return PASSING[code](
            f"The registry {path} could not be read or written: {error}. Make room for it on its disk "
            f"or in memory, or look at the disk, and try again."
        )
    if code in DAMAGED:
        return ArtifactError(_damaged(path, error))
    if code in CLOSED:
        return _closed(path, error)
    return PermanentError(
        f"The registry {path} is not one of this MLflow's: {error}. mlflow db upgrade "
        f"sqlite:///{path} brings an older one up to date; back it up before."
    )


def _of_system(path: Path, error: OSError) -> PipelineError:
    if isinstance(error, PermissionError | IsADirectoryError | NotADirectoryError):
        return _closed(path, error)
    return TransientError(f"The registry {path} could not be read: {error}. Try again.")


def _closed(path: Path, error: Exception) -> PermanentError:
    return PermanentError(
        f"The registry {path} cannot be opened, or not written, by this user: {error}. It must be a "
        f"file that this user may read and write, in a folder where this user may make files."
    )


def _damaged(path: Path, error: Exception) -> str:
    return (
        f"The registry {path} is damaged: {error}. Put a backup in its place; or move it away and run "
        f"{giver_of('promotion').name} again for the as-of days whose models it should hold, the earliest first: they are "
        f"registered anew from the store."
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
