"""What lies in a local store, found by its folders rather than by its manifests.

Why: a lost or damaged manifest must not hide the versions that it named.
Promise: only names are read; a version's own files are not listed.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.store.manifest import MANIFEST, Ref
from pipelines.core.store.root import LOCK, VERSION
from pipelines.core.store.store import Store


@dataclass(frozen=True, slots=True)
class Key:
    """One artifact's folder.

    Attributes:
        ref: Its name.
        folder: Where it lies.
        versions: Its versions' folders, by name.
    """

    ref: Ref
    folder: Path
    versions: tuple[Path, ...]


def keys_below(store: Store, pipeline: str | None = None) -> Iterator[Key]:
    """Every artifact of one pipeline, or of all, in the order of their names."""
    for at, folders, files in os.walk(store.root / (pipeline or "")):
        names = sorted(filter(VERSION.fullmatch, folders))
        versions = [Path(at, name) for name in names]
        folders[:] = sorted(n for n in set(folders) - set(names) if not n.startswith("."))
        parts = Path(at).relative_to(store.root).parts
        if len(parts) > 2 and (versions or {MANIFEST, LOCK} & set(files)):  # noqa: PLR2004
            yield Key(Ref(parts[0], parts[1], "/".join(parts[2:])), Path(at), tuple(versions))
