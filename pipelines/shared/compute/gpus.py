"""GPUs of one's own: processes side by side on one machine part them among themselves.

Why: trials of a search each take every GPU that they see; two on one device fight for its memory.
Promise: no two holders on a machine have the same GPU; a holder's death gives its GPUs back, as the
    kernel drops its locks; without a second GPU nothing is locked and nobody waits.

A container with a temporary folder of its own does not see the locks of others: give each its own
devices. A GPU counts as two where one process names it by number and another by id.
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
    """Hold GPUs that no other holder has, and let this process and its children see no others.

    To be entered before CUDA is first used in the process. Waits until enough are free.

    Args:
        wanted: How many; no more than are visible are held.
        folder: Where the locks lie; by default one that all of this user's processes share.

    Yields:
        Their names; none where this process sees at most one GPU, which it is left with.
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
    """All of them or none: two that each hold a part would wait for each other for ever."""
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
    """Take a lock unless somebody has it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    stack.callback(file.close)
    return True
