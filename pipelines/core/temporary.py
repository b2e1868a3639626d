"""A temporary folder of each stage's own, which nothing of the stage outlives.

Why: libraries leave files in the temporary folder and remove them when the interpreter shuts down, which
    a stage's process skips and a killed one never reaches; TensorFlow leaves 28 a training.
Promise: the folder is removed when the stage ends, by whoever started it when the stage was killed, and
    else by the next stage of this user on this machine; never while its process lives.
Not here: folders that processes share (``host_folder`` says where they lie).
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = f"millrace-stage-{os.geteuid()}-"
# This process's own folder, and the descriptor whose lock says that it is in use.
_own: tuple[Path, int] | None = None


def host_folder() -> Path:
    """The machine's temporary folder, whether this process has one of its own or not."""
    return _own[0].parent if _own else Path(tempfile.gettempdir())


def use_own_folder() -> Path:
    """Give this process a temporary folder of its own, and remove those of processes that are gone.

    It is that of ``tempfile`` alone: what this process starts may outlive it.
    """
    global _own  # noqa: PLW0603  as tempfile's own: one a process
    sweep()
    host = host_folder()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=host))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else a sweep came between the two
            break
        os.close(lock)
    _own = folder, lock
    tempfile.tempdir = str(folder)
    return folder


def drop_own_folder() -> None:
    """Remove this process's folder, if it has one; to be called at its end."""
    if _own:
        shutil.rmtree(_own[0], ignore_errors=True)


def sweep() -> None:
    """Remove the folders of processes of this user that are gone."""
    with suppress(OSError):
        for entry in os.scandir(host_folder()):
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                _remove_if_left(entry.path)


def _remove_if_left(path: str) -> None:
    """Remove a folder that no process holds the lock of."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    os.close(lock)
