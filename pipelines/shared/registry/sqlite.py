"""Asking SQLite, in whatever state its last writer left the database.

Why: a process killed inside a commit leaves a journal, which whoever opens the database next must roll
    back; and a reader may not have the right to.
Promise: no database is made. What a killed writer left is rolled back or taken in, as SQLite would do for
    anybody; where this user may not write, in a private copy that is gone afterwards.
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
from pipelines.shared.registry.failures import CLOSED, DamagedError, code_of

WAIT_S = 30.0
COPY_TRIES = 5
# The database, and what says how its last transaction ended.
PARTS = ("", "-journal", "-wal")

T = TypeVar("T")


def asked(path: Path, ask: Callable[[sqlite3.Connection], T], nothing: T) -> T:
    """What ``ask`` finds in a database, as one moment left it.

    Args:
        path: The database.
        ask: Queries it, within one transaction.
        nothing: The answer where there is no database, or none of its tables yet.

    Raises:
        sqlite3.Error: It is locked for ``WAIT_S``, damaged, or not to be read by this user.
        TransientError: It was written to again and again while a copy was made.
    """
    if not path.exists():
        return nothing
    try:
        return _of_file(path, ask, nothing)
    except sqlite3.OperationalError as error:
        # What a killed writer left can only be seen to by who may write beside the database.
        whole = getattr(error, "sqlite_errorcode", 0)
        if code_of(error) not in CLOSED and whole != sqlite3.SQLITE_IOERR_DELETE:
            raise
    with tempfile.TemporaryDirectory(prefix="millrace-registry-") as folder:
        return _of_file(_copied(path, Path(folder)), ask, nothing)


def _of_file(path: Path, ask: Callable[[sqlite3.Connection], T], nothing: T) -> T:
    # Never mode=ro: a journal left by a killed writer could not be rolled back.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=WAIT_S)) as connection:
        try:
            connection.execute("BEGIN")  # one snapshot for all its queries
            return ask(connection)
        except sqlite3.OperationalError as error:
            # Made this moment by somebody else: there is nothing in it yet.
            if "no such table" in str(error):
                return nothing
            raise
        except ValueError as error:  # a number that is none
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
        f"as this user may not open it for writing. Try again."
    )


def _facts(path: Path) -> list[tuple[int, int] | None]:
    found = [Path(f"{path}{part}") for part in PARTS]
    return [(s.st_mtime_ns, s.st_size) if (s := _stat(p)) else None for p in found]


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
