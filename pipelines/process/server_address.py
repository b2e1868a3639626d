"""Where a fork server's socket is, and which server is the right one.

Why: a server holds imported libraries, so another interpreter, another set of packages or
    another checkout of this repository needs another server.
Promise: sockets are in a folder that only this user can open; a server with other libraries
    than a new interpreter would import is never used.
Not here: the client (``client.py``), the server (``server.py``).
"""

import hashlib
import os
import site
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.rights import private_folder
from pipelines.process.wire import PER_RUN

# Prefixes of variables that an interpreter or a preloaded library reads once, at its start.
SETTINGS = (
    "PYTHON",
    "LC_",
    "LANG",
    "MILLRACE_",
    "FSSPEC_",
    "ARROW_",
    "OMP_",
    "OPENBLAS_",
    "LD_",
)
# Processes of another container see other process ids and other files.
NAMESPACES = ("pid", "mnt", "user")

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The socket of one fork server, and the files beside it.

    Attributes:
        socket: Where it listens.
        lock: Held while one is started.
        log: Its output, replaced at each start.
        refused: Why the last start failed; absent after a good one.
    """

    socket: Path
    lock: Path
    log: Path
    refused: Path


def directory() -> Path:
    """Make, check and return the folder of this user's sockets.

    Raises:
        ConfigError: It is another user's, or others may write into it.
    """
    return private_folder(_candidates()[0])


def sockets() -> list[Path]:
    """List the sockets of every server of this user, whatever environment started it."""
    folders = [folder for folder in _candidates() if folder.exists() and _is_private(folder)]
    return sorted(path for folder in folders for path in folder.glob("*.sock"))


def _candidates() -> list[Path]:
    """Folders that may hold the socket of a server of this user, the preferred one first."""
    temporary = Path(tempfile.gettempdir()) / f"millrace-{os.geteuid()}"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return (
        [Path(runtime) / "millrace", temporary]
        if runtime and Path(runtime).is_dir()
        else [temporary]
    )


def _is_private(path: Path) -> bool:
    found = path.lstat()
    mode = stat.S_IMODE(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not mode & 0o077


def server_address(env: Mapping[str, str]) -> ServerAddress:
    """Return the address of the server that fits this interpreter and this environment."""
    stem = directory() / _key(env)
    return ServerAddress(
        *(stem.with_suffix(end) for end in (".sock", ".lock", ".log", ".refused"))
    )


def _key(env: Mapping[str, str]) -> str:
    """Hash what a server's libraries depend on."""
    settings = [
        f"{name}={value}"
        for name, value in sorted(env.items())
        if name.startswith(SETTINGS) and name not in PER_RUN
    ]
    packages = [
        entry.name
        for folder in site.getsitepackages()
        for entry in Path(folder).glob("*.dist-info")
    ]
    namespaces = [os.readlink(f"/proc/self/ns/{kind}") for kind in NAMESPACES]  # noqa: PTH115
    code = [
        (_HERE / name).read_text()
        for name in (
            *("server.py", "server_loop.py", "wire.py"),
            *("server_address.py", "environ.py"),
        )
    ]
    parts = [sys.executable, sys.version, str(_HERE), *sorted(packages)]
    described = "\0".join(parts + settings + namespaces + code)
    return hashlib.sha256(described.encode()).hexdigest()[:16]
