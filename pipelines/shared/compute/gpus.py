"""Exclusive GPUs: concurrent processes on one machine divide its GPUs among them.

Why: trials of a search each use every visible GPU; two on one device compete for its memory.
Promise: no two processes on a machine hold the same GPU; when a process dies, the kernel releases
    its locks and so its GPUs; without a second GPU nothing is locked and no process waits.

A container with its own temporary folder does not see the locks of others: give each its own
devices. A GPU counts as two where one process names it by index and another by UUID.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipelines.core.rights import private_folder
from pipelines.core.temporary import host_folder
from pipelines.shared.compute.machine import visible_gpus

MASK = "CUDA_VISIBLE_DEVICES"
POLL_S = 0.5


@contextmanager
def own_gpus(wanted: int = 1, folder: Path | None = None) -> Iterator[tuple[str, ...]]:
    """Lock GPUs for this process, and hide all others from it and its children.

    Enter it before CUDA is first used in the process. Waits until enough are free.

    Args:
        wanted: How many; at most the visible ones are locked.
        folder: The folder of the locks; by default one that all of this user's processes share.

    Yields:
        Their names; none where this process sees at most one GPU, which it keeps.
    """
    visible = visible_gpus()
    if len(visible) < 2:  # noqa: PLR2004  one is not shared out
        yield ()
        return
    locks = private_folder(folder or host_folder() / f"millrace-gpus-{os.getuid()}")
    with ExitStack() as stack:
        held = _held(stack, visible, min(wanted, len(visible)), locks)
        before = os.environ.get(MASK)
        os.environ[MASK] = ",".join(held)
        try:
            yield held
        finally:
            os.environ.pop(MASK)
            if before is not None:
                os.environ[MASK] = before


def _held(stack: ExitStack, visible: list[str], wanted: int, locks: Path) -> tuple[str, ...]:
    """Lock all of them or none: two processes that each hold some would wait for each other."""
    while True:
        with ExitStack() as trying:
            held = list[str]()
            for gpu in visible:
                if len(held) < wanted and _locked(trying, locks / f"{gpu}.lock"):
                    held.append(gpu)
            if len(held) == wanted:
                stack.enter_context(trying.pop_all())
                return tuple(held)
        time.sleep(POLL_S)


def _locked(stack: ExitStack, path: Path) -> bool:
    """Take a lock unless another process holds it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    stack.callback(file.close)
    return True
