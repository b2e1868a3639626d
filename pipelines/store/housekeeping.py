"""Throwing away what nobody reads: replaced versions and what killed processes left.

Why: versions are kept for readers and for going back, and would otherwise fill the disk.
Promise: the published version of an artifact is never touched; an artifact that is being made
    (its lock is held) is left alone.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.store.manifest import Manifest
from pipelines.store.store import ASIDE, MANIFEST, Store


def clean(
    store: Store, pipeline: str, *, keep_versions: int, left_before_s: float
) -> dict[str, int]:
    """Remove replaced versions and leftovers of one pipeline.

    Args:
        store: A local store. Object stores have lifecycle rules for this.
        pipeline: Declared pipeline.
        keep_versions: Versions to keep beside the published one, newest first.
        left_before_s: Unix time; leftovers last written before it are removed.

    Returns:
        Removed ``versions``, ``leftovers`` and ``bytes``.

    Raises:
        ConfigError: The store is not local.
    """
    if not store.is_local:
        raise ConfigError(
            f"housekeeping works on a local store, not on {store.uri}. Use the object store's "
            f"lifecycle rules there."
        )
    removed = {"versions": 0, "leftovers": 0, "bytes": 0}
    for lock in sorted((store.root / pipeline).rglob(".lock")):
        with _held(lock) as free:
            if free:
                _clean_key(lock.parent, keep_versions, left_before_s, removed)
    return removed


def _clean_key(
    folder: Path, keep_versions: int, left_before_s: float, removed: dict[str, int]
) -> None:
    for left in [*folder.glob(f"{ASIDE}*"), *folder.glob(".scratch-*")]:
        if _last_write(left) < left_before_s:
            removed["bytes"] += _remove(left)
            removed["leftovers"] += 1
    pointer = folder / MANIFEST
    if not pointer.exists():
        return
    current = Manifest.from_json(pointer.read_text(), str(pointer)).version
    versions = [p.parent for p in folder.glob(f"*/{MANIFEST}") if p.parent.name != current]
    for version in sorted(versions, key=_last_write, reverse=True)[keep_versions:]:
        if _last_write(version) < left_before_s:
            removed["bytes"] += _remove(version)
            removed["versions"] += 1


@contextmanager
def _held(lock: Path) -> Iterator[bool]:
    """Hold an artifact's lock if nobody else does."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _last_write(path: Path) -> float:
    paths = [path, *(path.rglob("*") if path.is_dir() else ())]
    return max(p.stat().st_mtime for p in paths)


def _remove(path: Path) -> int:
    size = sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return size
