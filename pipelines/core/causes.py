"""Errors of the system and of libraries, converted by cause into ours.

Why: whether a retry can help follows from the cause (a full disk, a lost server, a missing
    permission), not from the Python class of the error.
Promise: nothing heavy is imported: classes of libraries are known by their names. The message
    names the path, size or address that the error knows, and what to do.
Not here: our own classes (``errors.py``); errors that a stage sorts itself, which knows more.

docs/operations.md has the table for people; a test holds a row of it for each cause.
"""

import errno
import os
import re
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipelines.core.errors import (
    ArtifactError,
    ConfigError,
    OutOfMemoryError,
    PermanentError,
    PipelineError,
    TransientError,
    WorkerLostError,
)
from pipelines.core.masking import OF_A_VALUE, message_of
from pipelines.core.memory import is_out_of_memory, mentions_out_of_memory

Sorted = tuple[type[PipelineError], str]

MAX_CHARS = 300
MIB = 1 << 20
DEEP = 8  # length of the chain of causes that is examined
TOO_MANY_REQUESTS, REQUEST_TIMEOUT, SERVER_ERROR = 429, 408, 500
DENIED = (401, 403)

MEMORY = (
    OutOfMemoryError,
    "There was not enough memory. Run it again; for good, give it a machine with more memory, or "
    "smaller partitions or batches.",
)
LOST = (TransientError, "The other side did not answer, or went away. It is tried again.")
RIGHTS = (ConfigError, "Check the address, the credentials and the rights of this process.")
WORKERS = (WorkerLostError, "Workers of the Dask cluster were lost. Run it again.")
DATABASE = (TransientError, "The database did not answer in time. It is tried again.")
DAMAGED = (ArtifactError, "The file is damaged. Restore it from a copy, or move it away.")
BUSY = (TransientError, "The system was busy with it. It is tried again.")
SPACE = (TransientError, "Free some space; then run it again.")
PATHS = (ConfigError, "Check the path, and the rights of this process there.")

BY_ERRNO: Mapping[int, Sorted] = {
    errno.ENOSPC: SPACE,
    errno.EDQUOT: (TransientError, "The quota is used up: free some of it; then run it again."),
    errno.EIO: (
        TransientError,
        "The device failed to read or write. Look at the kernel's log.",
    ),
    errno.ESTALE: LOST,
    errno.EBUSY: BUSY,
    errno.EINTR: BUSY,
    errno.EAGAIN: (
        TransientError,
        "A limit of processes or threads was met. It is tried again.",
    ),
    errno.EMFILE: (TransientError, "Raise the limit (ulimit -n), or run fewer things at once."),
    errno.ENFILE: (TransientError, "The machine has too many open files. It is tried again."),
    errno.ENOENT: (TransientError, "The file has gone. If it stays away, run what makes it."),
    errno.EFBIG: (ConfigError, "Raise the limit of a file's size (ulimit -f)."),
    errno.EROFS: PATHS,
    errno.EACCES: PATHS,
    errno.EPERM: PATHS,
    errno.ENOTDIR: PATHS,
    errno.EISDIR: PATHS,
    errno.ENAMETOOLONG: PATHS,
    **dict.fromkeys(
        (
            *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.ETIMEDOUT),
            *(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EPIPE),
            *(errno.ENOTCONN, errno.EHOSTDOWN),
        ),
        LOST,
    ),
}

# Names of classes, also of those an error's class descends from.
BY_CLASS: Mapping[str, Sorted] = {
    **dict.fromkeys(
        ("KilledWorker", "NoValidWorkerError", "FutureCancelledError"),
        WORKERS,
    ),
    **dict.fromkeys(
        (
            *("ConnectionError", "TimeoutError", "Timeout", "gaierror", "HTTPClientError"),
            *("MaxRetryError", "ProtocolError", "ClientConnectionError", "TransportError"),
            *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError"),
            *("ConnectionClosedError", "ResponseStreamingError", "IncompleteReadError"),
            *("CommClosedError", "UnavailableError", "AbortedError", "DeadlineExceededError"),
            *(
                "ConnectionDoesNotExistError",
                "CannotConnectNowError",
                "TooManyConnectionsError",
            ),
        ),
        LOST,
    ),
    **dict.fromkeys(
        (
            *("NoCredentialsError", "PartialCredentialsError", "ProxyConnectionError"),
            *("InvalidPasswordError", "InvalidAuthorizationSpecificationError"),
        ),
        RIGHTS,
    ),
}

BY_CODE: Mapping[str, Sorted] = {
    **dict.fromkeys(
        ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "SlowDown"),
        LOST,
    ),
    **dict.fromkeys(("PERMISSION_DENIED", "UNAUTHENTICATED"), RIGHTS),
}

# By message, where the class says nothing: the first pattern that matches decides.
BY_TEXT: tuple[tuple[str, Sorted], ...] = (
    ("no space left|database or disk is full|disk quota", SPACE),
    (
        "password authentication failed|pg_hba|role .* does not exist|database .* does not",
        RIGHTS,
    ),
    ("readonly database|read-only", PATHS),
    ("malformed|not a database", DAMAGED),
)
# Bugs of the program, whatever else it was handling when it raised them.
FAULTS = (TypeError, AttributeError, LookupError, NameError, AssertionError)
DATABASE_ERRORS = frozenset({"OperationalError", "InterfaceError"})


def sorted_by_cause(error: BaseException, work: str) -> PipelineError | None:
    """Convert an error of the system or of a library to one of ours; None for an unknown kind.

    Args:
        error: What was raised; its chain of causes is examined as well.
        work: What was being done, as messages begin with it.
    """
    for each in _chain(error):
        found = _known(each)
        if found is not None:
            cls, remedy = found
            said = _said(error) if each is error else f"{_said(error)} ({_said(each)})"
            ours = cls(f"{work}: {said}. {remedy}")
            ours.__cause__ = error
            return ours
    return None


def unexpected(error: BaseException, work: str) -> PermanentError:
    """Our error for one of an unknown kind: a bug of the program."""
    text = " ".join(message_of(error).split())[:MAX_CHARS]
    ours = PermanentError(
        f"{work}: unexpected {type(error).__name__}: {text}. This is a fault of Millrace or of a "
        f"library, not of the data: report it with the traceback from the log."
    )
    ours.__cause__ = error
    return ours


def cause_of_text(text: str) -> Sorted | None:
    """The class of an error that another process reported as text alone, and what to do."""
    if mentions_out_of_memory(text):
        return MEMORY
    found = (known for pattern, known in BY_TEXT if re.search(pattern, text, re.IGNORECASE))
    return next(found, None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, then what it was raised from, or while handling."""
    seen: BaseException | None = error
    for _ in range(DEEP):
        if seen is None or isinstance(seen, PipelineError):
            return
        yield seen
        if isinstance(seen, FAULTS):
            return
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _known(error: BaseException) -> Sorted | None:
    if is_out_of_memory(error):
        return MEMORY
    names = [cls.__name__ for cls in type(error).__mro__]
    matches = (
        BY_ERRNO.get(error.errno or 0) if isinstance(error, OSError) else None,
        _by_status(error),
        BY_CODE.get(str(getattr(error, "error_code", ""))),
        cause_of_text(str(error)) if _is_system_text(error, names) else None,
        DATABASE if DATABASE_ERRORS & set(names) else None,
        *map(BY_CLASS.get, names),
    )
    return next(filter(None, matches), None)


def _is_system_text(error: BaseException, names: list[str]) -> bool:
    """Return whether the message is the system's own, never a value of the user's data."""
    kinds = (OSError, ImportError, RuntimeError, MemoryError)
    return isinstance(error, kinds) or bool({"DatabaseError", *DATABASE_ERRORS} & set(names))


def _by_status(error: BaseException) -> Sorted | None:
    """By the HTTP status in an error of an object store's or server's client."""
    response = getattr(error, "response", None)
    held = response.get("ResponseMetadata", {}) if isinstance(response, Mapping) else {}
    status = held.get("HTTPStatusCode") or getattr(response, "status_code", None)
    status = status or getattr(error, "status_code", None) or getattr(error, "status", None)
    if not isinstance(status, int):
        return None
    if status >= SERVER_ERROR or status in {TOO_MANY_REQUESTS, REQUEST_TIMEOUT}:
        return LOST
    return RIGHTS if status in DENIED else None


def _said(error: BaseException) -> str:
    """The error's message in one line, with the path, the sizes and the limits that matter."""
    text = _text_of(error)
    return f"{text}{_limits(getattr(error, 'errno', None), text)}".rstrip(".")


def _text_of(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return f"out of memory: {str(error) or 'an allocation failed'}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    text = message_of(error) if isinstance(error, OF_A_VALUE) else str(error)
    return " ".join(text.split())[:MAX_CHARS] or type(error).__name__


def _limits(number: int | None, text: str) -> str:
    """The full disks, the limit or the user that an error of the system is about."""
    if number in {errno.ENOSPC, errno.EDQUOT} or "space left" in text:
        return (
            f"; full file systems: {', '.join(_full_disks()) or 'none that this process sees'}"
        )
    if number == errno.EMFILE:
        return f"; the limit is {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} open files"
    if number in {errno.EACCES, errno.EPERM}:
        return f"; this process is user {os.geteuid()}"
    return ""


def _full_disks(mounts: Path = Path("/proc/mounts")) -> Iterator[str]:
    """Mounted file systems on which an ordinary user has less than a mebibyte left."""
    for line in mounts.read_text().splitlines():
        folder = line.split()[1]
        try:
            found = os.statvfs(folder)
        except OSError:
            continue
        free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        if free < MIB <= size:
            yield f"{folder} ({free // 1024:,} KiB of {size // MIB:,} MiB free)"
