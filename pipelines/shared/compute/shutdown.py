"""Ending a cluster that was started here, whatever state its workers are in.

Why: a nanny that is closed while its worker is just starting waits for that start for ever, as
    it has stopped listening to the worker (distributed 2026.7, ``WorkerProcess.kill``). Workers
    are just starting whenever some have died a moment ago, so an error would become a hang.
Promise: ``end`` returns within ``CLOSE_LIMIT_S`` and leaves no worker process behind; a worker
    that is in order ends by itself.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from typing import Any

CLOSE_LIMIT_S = 30.0
LOOK_EVERY_S = 0.2

log = logging.getLogger("millrace")


def children() -> set[BaseProcess]:
    """Processes that this one has started through ``multiprocessing`` and that are alive."""
    return set(multiprocessing.active_children())


def end(cluster: Any, before: set[BaseProcess]) -> None:
    """Close a cluster; kill what does not end by itself.

    Args:
        cluster: A ``LocalCluster`` or ``LocalCUDACluster`` of this process.
        before: ``children()`` before it was started.
    """
    with _starting_ones_killed(cluster), suppress(TimeoutError):
        cluster.close(timeout=CLOSE_LIMIT_S)
    left = [process for process in children() - before if process.is_alive()]
    for process in left:
        process.kill()
    for process in left:
        process.join(CLOSE_LIMIT_S)
    if left:
        log.warning(
            "compute: %d Dask workers did not end by themselves and were killed", len(left)
        )


@contextmanager
def _starting_ones_killed(cluster: Any) -> Iterator[None]:
    over = threading.Event()
    watch = threading.Thread(target=_kill_starting, args=(cluster, over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def _kill_starting(cluster: Any, over: threading.Event) -> None:
    while not over.wait(LOOK_EVERY_S):
        for nanny in list(cluster.workers.values()):
            pid = _stuck(nanny)
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _stuck(nanny: Any) -> int | None:
    """Process of a worker that is starting under a nanny that is closing."""
    process = nanny.process
    starting = process is not None and process.status.name == "starting"
    return process.pid if nanny.status.name == "closing" and starting else None
