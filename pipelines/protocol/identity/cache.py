"""What was worked out, kept on this machine for the next process.

Why: each stage is a process of its own, and reading three hundred files would cost it seconds.
Promise: what is read was worked out from files that have the same size and times now. What cannot be
    read, or written, is worked out again; readers see a whole file or none.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from pipelines.core.errors import ConfigError
from pipelines.core.rights import private_folder
from pipelines.core.temporary import host_folder

YOUNG_NS = 2_000_000_000
"""A file that was changed so lately may be changed again and keep its times."""

FACTS = "facts"
Stamp = list[int]
Known = dict[str, list[Any]]


def stamp_of(path: str) -> Stamp:
    """Size and times of a file; empty where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  hundreds of them, before each stage
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def key_of(*asked: object) -> str:
    """A name for what is worked out of these values."""
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


def read(key: str) -> dict[str, Any] | None:
    """What was worked out, if every file is as it was then."""
    found = _read(key)
    if found is None:
        return None
    stamps: Mapping[str, Stamp] = found["stamps"]
    same = all(stamp_of(path) == stamp for path, stamp in stamps.items())
    return found if same else None


def write(key: str, stamps: Mapping[str, Stamp], found: Mapping[str, object]) -> None:
    """Keep what was worked out from these files."""
    if not any(_is_young(stamp) for stamp in stamps.values()):
        _write(key, {"stamps": stamps, **found})


def read_facts() -> Known:
    """Facts of files, each with the stamp of the file that they were read from."""
    return _read(FACTS) or {}


def write_facts(known: Known) -> None:
    """Keep facts of files, but for those of files that are gone."""
    kept = {
        key: entry
        for key, entry in known.items()
        if not _is_young(entry[0]) and stamp_of(key.partition(" ")[2]) == entry[0]
    }
    _write(FACTS, kept)


def _is_young(stamp: Stamp) -> bool:
    return bool(stamp) and max(stamp[1:]) > time.time_ns() - YOUNG_NS


@cache
def _folder() -> Path:
    """A folder for this tree and this version of what works it out: two checkouts share nothing."""
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256(f"{sys.version}\0{here}\0".encode())
    for path in sorted(here.glob("*.py")):
        digest.update(path.read_bytes())
    own = private_folder(host_folder() / f"millrace-identity-{os.getuid()}")
    return own / digest.hexdigest()[:16]


def _read(name: str) -> dict[str, Any] | None:
    try:
        checksum, _, text = (_folder() / f"{name}.json").read_bytes().partition(b"\n")
    except (OSError, ConfigError):
        return None
    # Worked out by a whole process: what has its checksum is what that one wrote.
    return json.loads(text) if checksum.decode(errors="replace") == _checksum(text) else None


def _write(name: str, value: Mapping[str, object]) -> None:
    with suppress(OSError, ConfigError):
        folder = _folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        new = folder / f".{name}-{os.getpid()}"
        text = json.dumps(value, separators=(",", ":")).encode()
        new.write_bytes(_checksum(text).encode() + b"\n" + text)
        new.replace(folder / f"{name}.json")


def _checksum(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]
