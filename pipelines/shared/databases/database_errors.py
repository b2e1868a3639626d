"""Errors of databases, sorted by whether waiting can help, in the database's own words.

Why: SQLAlchemy's classes follow the driver's, which raise one class for a lost server, a wrong password
    and a misspelt table.
Promise: a message has the database's words and what to do next, never a password or the statement's
    values; a database that does not answer is transient, a statement that it refuses permanent.
Not here: errors of other systems (``pipelines/core/causes.py``).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from pipelines.core.causes import cause_of_text
from pipelines.core.connections import without_secrets
from pipelines.core.errors import ConfigError, PipelineError, TransientError
from pipelines.core.masking import without_values

# First characters of SQLSTATE codes: the server is going down or busy, a lock or the time ran out.
WAITS = ("08", "40", "53", "55", "57", "58")
RIGHTS = ("28", "3D", "42501")
WRITES, OF_VALUES = "25006", "22"
SQLITE_WAITS = re.compile(r"locked|busy|disk I/O|unable to open", re.IGNORECASE)
LOST = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)

STATEMENT = (
    "Correct the statement of the table's Query: it must run as it stands in the database's own client, "
    "with values for :start and :end."
)
ADDRESS = "Check the connection's host, database, user, password and rights."
WAIT = "It is tried again; see that the database runs and can be reached from here."


@contextmanager
def in_its_own_words(where: str, remedy: str = STATEMENT) -> Iterator[None]:
    """Convert what a database raises.

    Args:
        where: What was being done, as messages begin with it.
        remedy: What to do about a statement that is refused.

    Raises:
        TransientError: The database does not answer, or is busy.
        ConfigError: It refuses the statement or the user, or its driver is not installed.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        # Not chained: SQLAlchemy's own message has the statement and its values.
        raise _converted(error, where, remedy) from None
    except (sa.exc.NoSuchModuleError, ImportError) as error:
        raise ConfigError(
            f"{where}: no driver for this kind of database is installed ({error}). Install its "
            f"SQLAlchemy dialect, or use PostgreSQL or SQLite."
        ) from None
    except sa.exc.SQLAlchemyError as error:
        raise ConfigError(f"{where}: {_words(str(error))}. {remedy}") from None


def _converted(error: sa.exc.DBAPIError, where: str, remedy: str) -> PipelineError:
    words = _words(_said(error.orig))
    cls, todo = _sorted(error, words, remedy)
    return cls(f"{where}: {words}. {todo}")


def _sorted(
    error: sa.exc.DBAPIError, words: str, remedy: str
) -> tuple[type[PipelineError], str]:
    state = _state(error.orig)
    if remedy == STATEMENT and (state == WRITES or "readonly database" in words):
        return ConfigError, "A source is only read. Declare a SELECT that writes nothing."
    if state.startswith(RIGHTS):
        return ConfigError, ADDRESS
    known = None if state else cause_of_text(words)
    if known is not None and not _is_sqlite(error):
        return known[0], ADDRESS
    return (TransientError, WAIT) if _may_pass(error, state, words) else (ConfigError, remedy)


def _may_pass(error: sa.exc.DBAPIError, state: str, words: str) -> bool:
    """Whether the statement may be right, and the database cannot answer now."""
    if state:
        return state.startswith(WAITS)
    if _is_sqlite(error):
        return SQLITE_WAITS.search(words) is not None
    return isinstance(error, LOST) or error.connection_invalidated


def _state(error: BaseException | None) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


def _said(error: BaseException | None) -> str:
    """The database's words; where it could not convert a value, without that value."""
    text = str(error)
    return without_values(text) if _state(error).startswith(OF_VALUES) else text


def _is_sqlite(error: sa.exc.DBAPIError) -> bool:
    return type(error.orig).__module__.startswith("sqlite3")


def _words(text: str) -> str:
    return without_secrets(" ".join(text.split())).rstrip(".?")
