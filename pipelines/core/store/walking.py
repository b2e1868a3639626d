"""What is in a store, found by its folders rather than by its manifests.

Why: a lost or damaged manifest must not hide the versions that it named.
Promise: only names are read; a version's own files are not listed.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipelines.core.store.manifest import MANIFEST, Ref
from pipelines.core.store.root import BRANCHES, LOCK, VERSION
from pipelines.core.store.store import Store


@dataclass(frozen=True, slots=True)
class Key:
    """One artifact's folder.

    Attributes:
        ref: Its name.
        folder: Where it is.
        versions: Its versions' folders, by name.
    """

    ref: Ref
    folder: Path
    versions: tuple[Path, ...]


def keys_below(store: Store, pipeline: str | None = None) -> Iterator[Key]:
    """Every artifact of one pipeline of a local store, or of all, in the order of their names."""
    for at, folders, files in os.walk(store.root / (pipeline or "")):
        names = sorted(filter(VERSION.fullmatch, folders))
        versions = [Path(at, name) for name in names]
        folders[:] = sorted(n for n in set(folders) - set(names) if not n.startswith("."))
        parts = Path(at).relative_to(store.root).parts
        if len(parts) > 2 and (versions or {MANIFEST, LOCK} & set(files)):  # noqa: PLR2004
            yield Key(Ref(parts[0], parts[1], "/".join(parts[2:])), Path(at), tuple(versions))


def all_versions(store: Store, pipeline: str | None) -> Iterator[tuple[Ref, list[str]]]:
    """Every artifact of any store, with the names of its versions."""
    if not store.is_local:
        yield from _remote_keys(store, pipeline)
        return
    for key in keys_below(store, pipeline):
        yield key.ref, [version.name for version in key.versions]


def _remote_keys(store: Store, pipeline: str | None) -> Iterator[tuple[Ref, list[str]]]:
    versions: dict[Ref, set[str]] = {}
    for path in store.remote.sizes(pipeline or ""):
        parts = PurePosixPath(pipeline or "", path).parts
        if BRANCHES in parts:
            continue
        end = _version_index(parts)
        if end > 2 and (end < len(parts) - 1 or parts[-1] == MANIFEST):  # noqa: PLR2004
            named = versions.setdefault(Ref(parts[0], parts[1], "/".join(parts[2:end])), set())
            named |= {parts[end]} - {MANIFEST}
    yield from ((ref, sorted(versions[ref])) for ref in sorted(versions, key=Ref.path))


def _version_index(parts: Sequence[str]) -> int:
    """Index of the part of an object's path that names its version; that of the last without one."""
    of_versions = (n for n, part in enumerate(parts) if VERSION.fullmatch(part))
    return next(of_versions, len(parts) - 1)
