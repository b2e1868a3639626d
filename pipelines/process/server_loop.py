"""The fork server's loop: receive a request, fork, pass signals on, report the exit.

Why: one thread, because a fork copies only the thread that forks.
Promise: a fork gets its own environment, folder, file descriptors, process group and random
    state, and imports this repository anew, so an edited stage is the stage that runs; no
    child outlives its client or this process.
Not here: what is imported beforehand (``server.py``), the client (``client.py``).
"""

import ctypes
import importlib
import logging
import math
import os
import random
import runpy
import select
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn, cast

from pipelines.core.masking import traceback_of
from pipelines.process import wire

GRACE_S = 3.5
TICK_S = 1.0
BUSY_TICK_S = 0.1
REQUEST_TIMEOUT_S = 5.0
NOTICE_S = 0.5
PR_SET_PDEATHSIG = 1

_LIBC = ctypes.CDLL(None)

log = logging.getLogger("millrace.forkserver")


@dataclass(slots=True)
class _Running:
    """A child, its client's connection, and when it gets which signal (monotonic seconds)."""

    pid: int
    pidfd: int
    conn: socket.socket
    terminate_at: float = math.inf
    kill_at: float = math.inf
    stopped: bool = False


class Server:
    """One single-threaded loop over clients and children."""

    def __init__(self, path: Path, idle_s: float) -> None:
        self._path, self._idle_s = path, idle_s
        self._running: dict[int, _Running] = {}
        self._stoppers: list[socket.socket] = []
        self._ending = self._stop_requested = False
        self._idle_since = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._listener = self._listen()
        self._identity = _identity(path)
        self._woken, wake = socket.socketpair()
        wake.setblocking(False)
        self._wake = wake
        self._register(self._woken, lambda: self._woken.recv(64))

    def serve(self) -> None:
        """Serve until idle, replaced, or requested to stop, and every child is gone."""
        signal.set_wakeup_fd(self._wake.fileno())
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        while self._running or not self._ending:
            for key, _ in self._selector.select(BUSY_TICK_S if self._running else TICK_S):
                cast("Callable[[], object]", key.data)()
            if self._stop_requested:
                self._stop_requested = False
                self._stop()
            self._enforce()
            if not self._ending and self._is_over():
                self._end()

    def _on_signal(self, _signum: int, _frame: FrameType | None) -> None:
        self._stop_requested = True

    def _stop(self) -> None:
        """Accept no more requests, and end every child after its grace period."""
        self._end()
        for running in self._running.values():
            running.stopped = True
            self._terminate(running)

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        staged = self._path.with_suffix(".new")
        staged.unlink(missing_ok=True)
        listener.bind(str(staged))
        listener.listen(128)
        staged.rename(self._path)  # a socket that exists is one that answers
        self._register(listener, self._accept)
        return listener

    def _register(self, fileobj: socket.socket | int, action: Callable[[], object]) -> None:
        self._selector.register(fileobj, selectors.EVENT_READ, action)

    def _is_over(self) -> bool:
        """Return whether the socket is no longer ours, or the server has been idle too long."""
        if _identity(self._path) != self._identity:
            log.info("the socket %s was removed or replaced", self._path)
            return True
        idle_s = 0.0 if self._running else time.monotonic() - self._idle_since
        return idle_s > self._idle_s

    def _end(self) -> None:
        if self._ending:
            return
        self._ending = True
        if _identity(self._path) == self._identity:
            self._path.unlink(missing_ok=True)
        self._selector.unregister(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        try:
            conn, _ = self._listener.accept()
        except OSError as error:
            log.warning("a connection was not accepted: %s", error)
            return
        conn.settimeout(REQUEST_TIMEOUT_S)
        fds: list[int] = []
        try:
            wire.require_own_peer(conn)
            request, fds = wire.receive(conn)
            if request.get("stop"):
                self._stop_requested = True
                self._stoppers.append(
                    conn
                )  # closed when this process ends, which they wait for
                return
            self._start(conn, request, fds)
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("a request was not served: %s", error)
            with suppress(OSError):
                wire.send(conn, {"refused": str(error)})
            conn.close()
        finally:
            for fd in fds:
                os.close(fd)

    def _start(self, conn: socket.socket, request: dict[str, object], fds: list[int]) -> None:
        """Fork a child for a request, and watch both."""
        if _is_gone(conn):  # it timed out, and has started the stage itself
            raise ConnectionError("the client did not wait")
        # A signal that arrives before the child has its own handlers would run the server's.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        try:
            parent, pid = os.getpid(), os.fork()
            if pid == 0:
                self._become(conn, request, fds, parent)
            with suppress(OSError):
                os.setpgid(pid, pid)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
        running = self._running[pid] = _Running(pid, os.pidfd_open(pid), conn)
        self._register(running.pidfd, lambda: self._reap(running))
        self._register(conn, lambda: self._forward(running))
        with suppress(OSError):
            wire.send(conn, {"pid": pid})

    def _become(
        self, conn: socket.socket, request: dict[str, object], fds: list[int], parent: int
    ) -> NoReturn:
        """Turn this fresh fork into ``python -m module argv``."""
        code = 1
        try:
            self._close_in_child(conn)
            module = _take_over(request, fds, parent)
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
        except BaseException as error:  # nothing of the server may run on in a child
            sys.stderr.write(traceback_of(error))
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            os._exit(code)

    def _close_in_child(self, conn: socket.socket) -> None:
        """Close what would keep another client's connection, or this socket, open."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for resource in (self._listener, self._woken, self._wake, conn):
            resource.close()
        for running in self._running.values():
            running.conn.close()
            os.close(running.pidfd)

    def _forward(self, running: _Running) -> None:
        """Forward a client's signal to its child; terminate it when the client disconnected."""
        if self._running.get(running.pid) is not running:  # reaped in this same iteration
            return
        try:
            requests = running.conn.recv(64)
        except OSError:
            requests = b""
        if wire.KILL in requests:
            _signal_group(running.pid, signal.SIGKILL)
        elif wire.TERMINATE in requests:
            _signal_group(running.pid, signal.SIGTERM)
        elif not requests:
            self._selector.unregister(running.conn)
            # A child with a guard notices by itself, and first redirects its output.
            self._terminate(running, after_s=NOTICE_S)

    def _terminate(self, running: _Running, after_s: float = 0.0) -> None:
        now = time.monotonic()
        running.terminate_at = min(running.terminate_at, now + after_s)
        running.kill_at = min(running.kill_at, now + GRACE_S)

    def _enforce(self) -> None:
        now = time.monotonic()
        for running in self._running.values():
            if now >= running.terminate_at:
                _signal_group(running.pid, signal.SIGTERM)
                running.terminate_at = math.inf
            if now >= running.kill_at:
                _signal_group(running.pid, signal.SIGKILL)

    def _reap(self, running: _Running) -> None:
        """Collect a child's exit, end what is left of its group, and report to its client."""
        _signal_group(running.pid, signal.SIGKILL)  # the unreaped child keeps the group's id
        _, status, used = os.wait4(running.pid, 0)
        self._selector.unregister(running.pidfd)
        os.close(running.pidfd)
        with suppress(KeyError):
            self._selector.unregister(running.conn)
        answer = {
            "code": os.waitstatus_to_exitcode(status),
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "max_rss_bytes": used.ru_maxrss * 1024,
            "stopped": running.stopped,
        }
        with suppress(OSError):
            wire.send(running.conn, answer)
        running.conn.close()
        del self._running[running.pid]
        self._idle_since = time.monotonic()


def _take_over(request: dict[str, object], fds: list[int], parent: int) -> str:
    """Give a fork its own group, signals, descriptors, environment and random state."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    with suppress(OSError):  # the server does the same, whichever comes first
        os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    events, output, alive = fds
    for target in (1, 2):
        os.dup2(output, target)
    os.close(output)
    os.environ.clear()
    os.environ.update(cast("dict[str, str]", request["env"]))
    os.environ |= {
        wire.EVENTS_FD: str(events),
        wire.ALIVE_FD: str(alive),
        wire.PARENT: str(parent),
    }
    os.chdir(cast("str", request["cwd"]))
    time.tzset()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    module, argv = cast("str", request["module"]), cast("list[str]", request["argv"])
    sys.argv = [module, *argv]
    _forget_server()
    return module


def _forget_server() -> None:
    """Drop what a new interpreter would not have: modules, random state, config."""
    for name in [name for name in sys.modules if name.split(".")[0] == "pipelines"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if dask_config := sys.modules.get("dask.config"):
        dask_config.refresh()  # it read DASK_* variables when it was imported


def _signal_group(pid: int, signum: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signum)


def _is_gone(conn: socket.socket) -> bool:
    if not select.select([conn], [], [], 0)[0]:
        return False
    try:
        return conn.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
