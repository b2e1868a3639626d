"""Whether a version's files are the ones that its manifest names, byte by byte.

Why: a flipped bit keeps a file's size; used unseen, it changes results in silence.
Promise: every recorded file is hashed before its first use here, and again as soon as the file
    system says that it changed; between the two a look costs one ``stat`` a file.
Not here: what is done about damage (``store.py``, ``verify.py``).

What was hashed is remembered beside the version, never in it: size, times of modification and of
change, and inode, which no writer can leave all the same, with the sha256 found.
"""

import contextlib
import errno
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.core.store.manifest import Manifest, file_digest

VERIFIED = ".verified-"
# File systems stamp times in steps of up to 10 ms: a file that was written within the last of them
# could be written again without a sign.
SETTLED_NS = 100_000_000
LOST = frozenset({errno.EIO, errno.EUCLEAN})
"""What a disk says of a file that it cannot give back; any other error is not the file's fault."""

Stamp = tuple[int, int, int, int]


@dataclass(slots=True)
class Verified:
    """The hashes of one version's files, as remembered on this file system.

    Attributes:
        path: Where they are remembered.
        known: Stamp and sha256 of each file, by its name.
    """

    path: Path
    known: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    _changed: bool = False

    @classmethod
    def of(cls, version: Path) -> "Verified":
        """What is remembered of a version's folder; nothing where that cannot be read."""
        path = version.with_name(f"{VERIFIED}{version.name}")
        try:
            raw = json.loads(path.read_bytes())
            known = {str(n): (_stamp_of(stamp), str(sha)) for n, (stamp, sha) in raw.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            known = {}
        return cls(path, known)

    def sha256(self, name: str, path: Path) -> str:
        """Sha256 of a file, read only if it may have changed since it was last read."""
        now_ns, stamp = time.time_ns(), _stamp(path)
        before = self.known.get(name)
        if before is not None and before[0] == stamp:
            return before[1]
        found = file_digest(path)
        self.remember(name, stamp, found, now_ns)
        return found

    def remember(self, name: str, stamp: Stamp, sha256: str, now_ns: int) -> None:
        """Remember a hash, unless the file is so young that its stamp says nothing yet."""
        _, modified_ns, changed_ns, _ = stamp
        if now_ns - max(modified_ns, changed_ns) > SETTLED_NS:
            self.known[name], self._changed = (stamp, sha256), True

    def save(self) -> None:
        """Keep what is new; a store that may only be read keeps nothing."""
        if not self._changed:
            return
        staged = self.path.with_name(f"{self.path.name}-{os.getpid()}")
        with contextlib.suppress(OSError):
            try:
                staged.write_text(json.dumps(self.known))
                staged.replace(self.path)
            finally:
                staged.unlink(missing_ok=True)

    def forget(self) -> None:
        """Have every file read again at its next use."""
        self.known = {}
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def damage_of(
    folder: Path, manifest: Manifest, *, afresh: bool = False, pages: bool = False
) -> dict[str, str]:
    """What is wrong with a version's files: a few words for each damaged one, by its name.

    Args:
        folder: The version's files.
        manifest: What they should be.
        afresh: Read every file, whatever is remembered of it.
        pages: Look at pages for people too. Nothing is made from one, and one that is lost or
            damaged is made again from the other files, so it keeps no reader from them.
    """
    if not folder.is_dir():
        return {"its folder": "is missing"}
    verified = Verified.of(folder)
    if afresh:
        verified.forget()
    found = {}
    for name, facts in (manifest.recorded if pages else manifest.needed).items():
        problem = _problem(folder / name, name, facts, verified)
        if problem:
            found[name] = problem
    if found and afresh:
        verified.forget()
    else:
        verified.save()
    return found


def remember(folder: Path, manifest: Manifest) -> None:
    """Remember the hashes that the publisher of a version has just computed itself."""
    verified, now_ns = Verified.of(folder), time.time_ns()
    for name, facts in manifest.recorded.items():
        verified.remember(name, _stamp(folder / name), facts["sha256"], now_ns)
    verified.save()


def describe_damage(damage: Mapping[str, str]) -> str:
    """The damage in half a sentence: the first file's, and how many more there are."""
    name, problem = next(iter(damage.items()))
    more = f" (and {len(damage) - 1} more files are damaged)" if len(damage) > 1 else ""
    return f"{name} {problem}{more}"


def _problem(path: Path, name: str, facts: Mapping[str, Any], verified: Verified) -> str:
    try:
        if not path.is_file():
            return "is missing"
        size = path.stat().st_size
        if size != facts["bytes"]:
            return f"has {size} bytes and not {facts['bytes']}, as its manifest says"
        sha256 = verified.sha256(name, path)
    except OSError as error:
        if error.errno not in LOST:
            raise
        return f"cannot be read ({error.strerror})"
    if sha256 != facts["sha256"]:
        return (
            f"holds other bytes than its manifest says (sha256 {sha256[:16]}, recorded "
            f"{str(facts['sha256'])[:16]})"
        )
    return ""


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _stamp_of(raw: Iterable[Any]) -> Stamp:
    size, modified_ns, changed_ns, inode = (int(value) for value in raw)
    return size, modified_ns, changed_ns, inode
