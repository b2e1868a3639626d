"""The wire protocol between the parent, the child and the fork server.

Why: three processes, started from possibly different moments of the repository, must agree.
Promise: standard library only, so the fork server can import it before it forks.
Not here: the events of a stage (``pipelines/core/events.py``).
"""

import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

EVENTS_FD = "MILLRACE_EVENTS_FD"
ALIVE_FD = "MILLRACE_ALIVE_FD"
PARENT = "MILLRACE_PARENT"
PER_RUN = frozenset({EVENTS_FD, ALIVE_FD, PARENT})

TERMINATE, KILL = b"T", b"K"

_LENGTH = struct.Struct("!I")
_CREDENTIALS = struct.Struct("3i")
MAX_MESSAGE_BYTES = 16 * 2**20
MAX_FDS = 8


def send(conn: socket.socket, message: Mapping[str, object], fds: Sequence[int] = ()) -> None:
    """Send one message of JSON, and file descriptors along with its first byte."""
    body = json.dumps(message).encode()
    data = _LENGTH.pack(len(body)) + body
    if fds:
        data = data[socket.send_fds(conn, [data], list(fds)) :]
    if data:  # sending nothing fails where the peer has answered and disconnected
        conn.sendall(data)


def receive(conn: socket.socket) -> tuple[dict[str, object], list[int]]:
    """Receive one message and the file descriptors that came with it.

    Raises:
        ConnectionError: The peer closed the connection before the message was complete.
        ValueError: The bytes are not a message of this protocol.
        TypeError: The message is not a JSON object.
    """
    data = bytearray()
    fds: list[int] = []
    try:
        _fill(conn, data, fds, _LENGTH.size)
        _fill(conn, data, fds, _LENGTH.size + _length(data))
        message = dict(json.loads(data[_LENGTH.size :]))
    except BaseException:
        for fd in fds:
            os.close(fd)
        raise
    return message, fds


def _length(data: bytearray) -> int:
    """Size of the message that begins with ``data``; another program's may claim gigabytes."""
    (length,) = _LENGTH.unpack_from(data)
    if length > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {length} bytes; at most {MAX_MESSAGE_BYTES} expected")
    return int(length)


def _fill(conn: socket.socket, data: bytearray, fds: list[int], n_bytes: int) -> None:
    """Read until ``data`` holds ``n_bytes``, and collect file descriptors."""
    while len(data) < n_bytes:
        chunk, more, _, _ = socket.recv_fds(conn, n_bytes - len(data), MAX_FDS)
        fds.extend(more)
        if not chunk:
            raise ConnectionError("the peer closed the connection")
        data += chunk


def peer(conn: socket.socket) -> tuple[int, int]:
    """Process id and user at the other end of a unix socket, as the kernel reports them."""
    credentials = conn.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _group = _CREDENTIALS.unpack(credentials)
    return pid, user


def require_own_peer(conn: socket.socket) -> None:
    """Refuse another user's process, whatever the permissions of the socket's folder.

    Raises:
        PermissionError: It is another user's.
    """
    pid, user = peer(conn)
    if user != os.geteuid():
        raise PermissionError(
            f"process {pid} at the other end belongs to user {user}; only processes of user "
            f"{os.geteuid()} are accepted"
        )


def thread_names(pid: int | str = "self") -> list[str]:
    """Names of all threads of a process, those of C libraries included."""
    tasks = Path(f"/proc/{pid}/task")
    return sorted((task / "comm").read_text().strip() for task in tasks.iterdir())
