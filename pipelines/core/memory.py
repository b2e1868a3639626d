"""Peak memory of a process, and whether an error means out of memory.

Why: ``getrusage`` of a started process begins at the size of its parent, whose memory it shares
    until exec: a small child of a large process would be counted as large. Out of memory has a
    class and a message of its own in each library.
Promise: the standard library alone, so that the fork server can import it before it forks.
"""

import errno
import re
from pathlib import Path

_PATTERNS = re.compile(
    r"out of memory|cannot allocate memory|failed to allocate|can't start new thread|bad_alloc"
    r"|OOM when|RESOURCE_EXHAUSTED|ResourceExhausted|MemoryError|map segment",
    re.IGNORECASE,
)


def peak_memory_bytes(pid: int | str = "self") -> int:
    """VmHWM of a process: the most memory it has held; 0 when it cannot be read any more."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def mentions_out_of_memory(text: str) -> bool:
    """Whether this text of a library, its allocator or the kernel reports out of memory."""
    return _PATTERNS.search(text) is not None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, TensorFlow or the operating system means out of memory.

    TensorFlow's classes are compared by name, so that nothing heavy is imported.
    """
    kinds = {cls.__name__ for cls in type(error).__mro__}
    if kinds & {"MemoryError", "ResourceExhaustedError"}:
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return bool(kinds & {"OpError", "RuntimeError", "ImportError"}) and mentions_out_of_memory(
        str(error)
    )
