"""Shut down a cluster that was started here, whatever state its workers are in.

Why: a nanny that is closed while its worker is starting waits for that start for ever, because it
    has stopped listening to the worker (distributed 2026.7, ``WorkerProcess.kill``). Workers are
    starting whenever some have just died, so an error would become a hang.
Promise: ``end`` returns within ``CLOSE_LIMIT_S`` and leaves no worker process behind; a healthy
    worker ends by itself.
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
CHECK_EVERY_S = 0.2

log = logging.getLogger("millrace")


def children() -> set[BaseProcess]:
    """Live processes that this one has started through ``multiprocessing``."""
    return set(multiprocessing.active_children())


def end(cluster: Any, before: set[BaseProcess]) -> None:
    """Close a cluster; kill workers that do not end by themselves.

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
    while not over.wait(CHECK_EVERY_S):
        for nanny in list(cluster.workers.values()):
            pid = _stuck(nanny)
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _stuck(nanny: Any) -> int | None:
    """Process id of a worker that is starting while its nanny is closing."""
    process = nanny.process
    starting = process is not None and process.status.name == "starting"
    return process.pid if nanny.status.name == "closing" and starting else None
