"""A stage forked from this host's fork server, which is started when none runs.

Why: a fork from a process with the libraries imported saves their import, per stage.
Promise: either a child runs, or :class:`ServerError` says in one line why not and nothing runs.
Not here: what happens then (``launch.py``), the server (``server.py``).
"""

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.core.connections import without_connections
from pipelines.core.errors import ConfigError, StageStoppedError
from pipelines.process import wire
from pipelines.process.environ import working_directory
from pipelines.process.server import IDLE_S, ONE_THREAD, READY
from pipelines.process.server_address import ServerAddress, server_address
from pipelines.process.spawn import Channels, Exit

START_TIMEOUT_S = 120.0
ANSWER_TIMEOUT_S = 10.0
REFUSED_FOR_S = 900.0
POLL_S = 0.1

_REQUESTS = {signal.SIGTERM: wire.TERMINATE, signal.SIGKILL: wire.KILL}


class ServerError(Exception):
    """The fork server cannot run this stage; a new interpreter can."""


class Forked:
    """A child of the fork server, leading its own process group.

    Attributes:
        pid: The child. Only the server may signal it: it alone knows when the id is free again.
        fd: Becomes readable when the child has ended.
    """

    def __init__(self, conn: socket.socket, pid: int) -> None:
        self._conn, self.pid, self.fd = conn, pid, conn.fileno()
        self._exit: Exit | None = None

    def poll(self) -> bool:
        """Receive the server's answer; called when ``fd`` is readable."""
        if self._exit is None:
            self._exit = self._receive_exit()
        return True

    def signal(self, signum: int) -> None:
        """Ask the server to signal the child's group. Never blocks."""
        with suppress(OSError):
            os.write(self.fd, _REQUESTS[signal.Signals(signum)])

    def reap(self) -> Exit:
        """Return the child's exit and usage; a closed connection ends a child still there."""
        if self._exit is None:
            self.signal(signal.SIGKILL)
            self.poll()
        self._conn.close()
        assert self._exit is not None  # poll() sets it
        return self._exit

    def _receive_exit(self) -> Exit:
        try:
            answer, _ = wire.receive(self._conn)
            return Exit(
                code=int(str(answer["code"])),
                cpu_seconds=float(str(answer["cpu_seconds"])),
                max_rss_bytes=int(str(answer["max_rss_bytes"])),
                stopped=bool(answer["stopped"]),
            )
        except (OSError, ValueError, TypeError, KeyError):
            # The child ends with the server; its own children keep the group's id from reuse.
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            return Exit(None, 0.0, 0)


def fork(
    module: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    channels: Channels,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    idle_s: float = IDLE_S,
) -> Forked:
    """Have the fork server run ``python -m module argv``.

    Raises:
        ServerError: It cannot; nothing was started.
        StageStoppedError: ``cancelled()`` became true while the server was starting.
    """
    request = {
        "module": module,
        "argv": [*argv],
        "env": dict(env),
        "cwd": str(working_directory()),
    }
    try:
        where = server_address(env)
        try:
            return _request(_connect(where, env, cancelled, idle_s), request, channels)
        except ConnectionError:  # it ended for idleness while we connected
            return _request(_connect(where, env, cancelled, idle_s), request, channels)
    except (OSError, ValueError, TypeError, ConfigError) as error:
        raise ServerError(str(error)) from error


def _request(conn: socket.socket, request: Mapping[str, object], channels: Channels) -> Forked:
    """Send a request and receive the child's process id."""
    try:
        wire.send(conn, request, channels.theirs)
        answer, _ = wire.receive(conn)
        return Forked(conn, _pid_of(answer))
    except BaseException:
        conn.close()  # the server ends a child whose client disconnected
        raise


def _pid_of(answer: Mapping[str, object]) -> int:
    pid = answer.get("pid")
    if not isinstance(pid, int):
        raise TypeError(f"the server answered {str(answer)[:200]}; a process id was expected")
    return pid


def _connect(
    where: ServerAddress, env: Mapping[str, str], cancelled: Callable[[], bool], idle_s: float
) -> socket.socket:
    """Connect to the server, starting it first if none runs."""
    if conn := _try_connect(where.socket):
        return conn
    with _locked(where.lock, cancelled):
        if conn := _try_connect(where.socket):  # another stage has started it meanwhile
            return conn
        _check_not_refused(where.refused)
        try:
            _start(where, env, cancelled, idle_s)
        except ServerError as error:
            where.refused.write_text(str(error))
            raise
        where.refused.unlink(missing_ok=True)
    conn = _try_connect(where.socket)
    if conn is None:
        raise ServerError("it ended as soon as it had started")
    return conn


def _try_connect(path: Path) -> socket.socket | None:
    conn = socket.socket(socket.AF_UNIX)
    conn.settimeout(ANSWER_TIMEOUT_S)
    try:
        conn.connect(str(path))
        wire.require_own_peer(conn)
    except (FileNotFoundError, ConnectionRefusedError):  # none yet, or one that died
        conn.close()
        return None
    except BaseException:
        conn.close()
        raise
    return conn


def _check_not_refused(note: Path) -> None:
    """Do not repeat a failed start for each stage."""
    with suppress(FileNotFoundError):
        ago_s = time.time() - note.stat().st_mtime
        if ago_s < REFUSED_FOR_S:
            raise ServerError(f"{note.read_text()}; tried {ago_s:.0f} s ago")


@contextmanager
def _locked(path: Path, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Hold a lock file, waiting for another process that starts the server now."""
    with path.open("w") as file:
        _wait_until(lambda: _try_lock(file.fileno()), cancelled, "another start to end")
        yield


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(
    where: ServerAddress, env: Mapping[str, str], cancelled: Callable[[], bool], idle_s: float
) -> None:
    """Start a server and wait until it listens."""
    ready_r, ready_w = os.pipe()
    try:
        command = [
            sys.executable,
            "-m",
            "pipelines.process.server",
            "--serve",
            str(where.socket),
        ]
        with where.log.open("w") as log:
            subprocess.run(
                [*command, "--idle", str(idle_s), "--ready-fd", str(ready_w)],
                cwd=working_directory(),
                # A server serves other stages, which are not to have this one's connections.
                env={**without_connections(env), **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(ready_w,),
                start_new_session=True,
                check=False,
            )
        os.close(ready_w)
        ready_w = -1
        _wait_until(
            lambda: bool(select.select([ready_r], [], [], 0)[0]), cancelled, "its imports"
        )
        answer = os.read(ready_r, 4096)
    finally:
        os.close(ready_r)
        if ready_w >= 0:
            os.close(ready_w)
    if answer != READY:
        last = (where.log.read_text().strip().splitlines() or ["it printed nothing"])[-1]
        raise ServerError(f"it did not start: {answer.decode(errors='replace') or last}")


def _wait_until(done: Callable[[], bool], cancelled: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while not done():
        if cancelled():
            raise StageStoppedError(
                "stopped before its process was started; it may be run again"
            )
        if time.monotonic() > give_up_at:
            raise ServerError(f"waited {START_TIMEOUT_S:.0f} s for {what}")
        time.sleep(POLL_S)
