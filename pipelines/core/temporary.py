"""A temporary folder for each stage, removed when the stage ends.

Why: libraries leave files in the temporary folder and remove them when the interpreter shuts down, which
    a stage's process skips and a killed one never reaches; TensorFlow leaves 28 a training.
Promise: the folder is removed when the stage ends, by its parent process when the stage was killed,
    else by the next stage of this user on this machine; never while its process runs.
Not here: folders that processes share (``host_folder`` is their parent).
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
    """Create a temporary folder for this process, and remove those of processes that have ended.

    Only ``tempfile`` of this process uses it: child processes may outlive it.
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
    """Remove this process's folder, if it has one; call it when the process ends."""
    if _own:
        shutil.rmtree(_own[0], ignore_errors=True)


def sweep() -> None:
    """Remove the folders of this user's processes that have ended."""
    with suppress(OSError):
        for entry in os.scandir(host_folder()):
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                _remove_if_left(entry.path)


def _remove_if_left(path: str) -> None:
    """Remove a folder whose lock no process holds."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    os.close(lock)
