"""Holding an artifact's lock only if nobody else does.

Why: housekeeping and verification leave alone what is being made, instead of waiting for it.
Not here: waiting for the lock to make an artifact (``store.py``).
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold a lock file for the block, once nobody else holds it; nothing is held where its folder is not."""
    if not lock.parent.is_dir():
        yield
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def held_if_free(lock: Path, mode: str) -> Iterator[bool]:
    """Hold a lock file for the block; yields whether nobody else held it.

    Args:
        lock: The lock file.
        mode: How it is opened: ``a`` makes it, ``r`` works where the store may only be read.
    """
    with lock.open(mode) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
