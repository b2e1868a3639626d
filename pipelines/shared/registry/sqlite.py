"""Query a SQLite database in whatever state its last writer left it.

Why: a process killed inside a commit leaves a journal, which the next process to open the database must
    roll back; and a reader may lack the permission.
Promise: no database is created. A transaction of a killed writer is rolled back or completed by SQLite;
    where this user may not write, in a temporary private copy.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from pipelines.core.errors import TransientError
from pipelines.shared.registry.errors import CLOSED, DamagedError, code_of

WAIT_S = 30.0
COPY_TRIES = 5
# The database and its journals.
PARTS = ("", "-journal", "-wal")

T = TypeVar("T")


def query(path: Path, read: Callable[[sqlite3.Connection], T], default: T) -> T:
    """Run ``read`` on one snapshot of a database.

    Args:
        path: The database.
        read: Queries it, within one transaction.
        default: Returned where there is no database, or no tables yet.

    Raises:
        sqlite3.Error: It is locked for ``WAIT_S``, damaged, or not readable by this user.
        TransientError: It was written to repeatedly while a copy was made.
    """
    if not path.exists():
        return default
    try:
        return _of_file(path, read, default)
    except sqlite3.OperationalError as error:
        # Recovery after a killed writer needs permission to write beside the database.
        extended = getattr(error, "sqlite_errorcode", 0)
        if code_of(error) not in CLOSED and extended != sqlite3.SQLITE_IOERR_DELETE:
            raise
    with tempfile.TemporaryDirectory(prefix="millrace-registry-") as folder:
        return _of_file(_copied(path, Path(folder)), read, default)


def _of_file(path: Path, read: Callable[[sqlite3.Connection], T], default: T) -> T:
    # Never mode=ro: a journal left by a killed writer could not be rolled back.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=WAIT_S)) as connection:
        try:
            connection.execute("BEGIN")  # one snapshot for all its queries
            return read(connection)
        except sqlite3.OperationalError as error:
            # Another process has just created it, and there are no tables yet.
            if "no such table" in str(error):
                return default
            raise
        except ValueError as error:  # a text where a number is expected
            raise DamagedError(str(error)) from error


def _copied(path: Path, folder: Path) -> Path:
    """Copy a consistent snapshot of a database.

    Raises:
        TransientError: Another process kept writing.
    """
    for _ in range(COPY_TRIES):
        before = _stamps(path)
        for part in PARTS:
            target = folder / f"{path.name}{part}"
            target.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{part}", target)
        if _stamps(path) == before:
            return folder / path.name
    raise TransientError(
        f"The registry {path} was written to during each of {COPY_TRIES} attempts to copy it (this user "
        f"may not open it for writing, so it is read from a copy). Run it again."
    )


def _stamps(path: Path) -> list[tuple[int, int] | None]:
    found = [Path(f"{path}{part}") for part in PARTS]
    return [(s.st_mtime_ns, s.st_size) if (s := _stat(p)) else None for p in found]


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
