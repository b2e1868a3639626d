"""The fork server: stages start from a process that has already imported their libraries.

Why: importing Great Expectations and MLflow costs some 7 CPU-seconds, and a backfill of 45
    days pays for it 45 times over. A fork of this process costs 0.02.
Promise: it has one thread when it serves, computes nothing itself, and imports nothing of
    this repository's stages; it ends when it has been idle for long, when its socket is removed,
    and on request.
Not here: the loop (``server_loop.py``), the client (``client.py``), what a child does (``child.py``),
    TensorFlow and Dask clusters, which need a new interpreter.

``python -m pipelines.process.server --stop`` ends this user's servers.
"""

import argparse
import gc
import importlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, cast

from pipelines.core.memory import peak_memory_bytes
from pipelines.process import server_address, wire
from pipelines.process.server_loop import GRACE_S, Server

PRELOAD = (
    "numpy",
    "pandas",
    "pyarrow",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "dask",
    "dask.delayed",
    "dask.threaded",
    "fsspec",
    "great_expectations",
    "mlflow",
    "mlflow.tracking",
    "jinja2",
    "sklearn.metrics",
)
# MLflow imports it where it is installed, and its import starts threads.
NOT_PRELOADED = ("polars",)
# Each disables a thread that an import would start; pandas imports numexpr where it is installed.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_MAX_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
IDLE_S = 900.0
READY = b"ready"

log = logging.getLogger("millrace.forkserver")


def preload() -> None:
    """Import what stages need, quietly and without a thread.

    Raises:
        RuntimeError: The libraries started threads, which a fork would lose.
    """
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # 215 lines at import
    hidden = {name: None for name in NOT_PRELOADED if name not in sys.modules}
    sys.modules.update(cast("dict[str, Any]", hidden))
    for name in PRELOAD:
        try:
            importlib.import_module(name)
        except ImportError as error:  # the stage that needs it reports it under its own name
            log.warning("%s is not preloaded: %s", name, error)
    for name in hidden:
        del sys.modules[name]
    logging.captureWarnings(False)  # Great Expectations switches it on
    threads = wire.thread_names()
    if len(threads) != 1:
        names = ", ".join(threads)
        raise RuntimeError(f"{len(threads)} threads after the imports ({names}); 1 expected")
    gc.collect()
    gc.freeze()


def run_server(path: Path, idle_s: float, ready_fd: int) -> NoReturn:
    """Detach from the process that started this one, preload, report to ``ready_fd``, and serve."""
    if os.fork():
        os._exit(0)  # the starter waits for this process, so no zombie is left
    try:
        preload()
        server = Server(path, idle_s)
    except (RuntimeError, OSError) as error:
        os.write(ready_fd, str(error).encode())
        raise
    with suppress(BrokenPipeError):
        os.write(ready_fd, READY)
    os.close(ready_fd)
    log.info("serving on %s, %d MiB", path, peak_memory_bytes() >> 20)
    server.serve()
    log.info("ended")
    os._exit(0)  # shutting the libraries down costs a second, for which --stop would wait


def stop_servers(timeout_s: float = GRACE_S + 5.0) -> int:
    """End every server of this user and wait for them; return how many there were."""
    stopped = 0
    for path in server_address.sockets():
        with socket.socket(socket.AF_UNIX) as conn:
            conn.settimeout(timeout_s)
            try:
                conn.connect(str(path))
                wire.require_own_peer(conn)
                pid, _ = wire.peer(conn)
                wire.send(conn, {"stop": True})
            except OSError:
                path.unlink(missing_ok=True)  # its server is gone
                continue
            stopped += 1
            with suppress(ConnectionResetError):
                _wait_or_kill(conn, pid)
    return stopped


def _wait_or_kill(conn: socket.socket, pid: int) -> None:
    """Wait for a server to end, and kill it after the timeout; its children end with it."""
    try:
        conn.recv(1)
    except TimeoutError:
        log.warning("fork server %d did not end by itself and is killed", pid)
        os.kill(pid, signal.SIGKILL)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve, or stop every server of this user."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.process.server")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--serve", type=Path, metavar="SOCKET", help="serve on this socket")
    what.add_argument("--stop", action="store_true", help="end this user's servers")
    parser.add_argument("--idle", type=float, default=IDLE_S, metavar="SECONDS")
    parser.add_argument("--ready-fd", type=int, default=1, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    if args.stop:
        log.info("fork servers stopped: %d", stop_servers())
    else:
        run_server(args.serve, args.idle, args.ready_fd)
    return 0


if __name__ == "__main__":
    sys.exit(main())
