"""Files added to a version after it was published: pages, which are no part of its content.

Why: an artifact whose page could not be made is the same artifact when the page comes later.
Promise: a file appears whole; the manifest, its digests and its other files stay as they are.
Not here: when pages are made (``pipelines/stages/pages.py``).
"""

import os
from pathlib import Path

from pipelines.store.durable import make_durable
from pipelines.store.manifest import Manifest
from pipelines.store.store import ASIDE, Store


def add_file(store: Store, manifest: Manifest, name: str, content: bytes) -> None:
    """Put a file into a published version, in place of one of that name.

    The caller holds the artifact's lock and has opened the version.
    """
    folder = store.folder(manifest.ref) / manifest.version
    # Beside the version, where a sweep finds it, not among its files.
    aside = folder.with_name(f"{ASIDE}{name}-{os.getpid()}")
    aside.write_bytes(content)
    make_durable(aside)
    aside.replace(folder / name)
    if not store.is_local:
        fs, root = store._remote()
        fs.pipe_file(f"{root}/{manifest.ref.path()}/{manifest.version}/{name}", content)


def find_added(store: Store, manifest: Manifest, name: str) -> Path | None:
    """Where a file of a version lies on this machine, or None; another host may have added it."""
    path = store.folder(manifest.ref) / manifest.version / name
    if path.is_file() or store.is_local:
        return path if path.is_file() else None
    fs, root = store._remote()
    try:
        content = fs.cat_file(f"{root}/{manifest.ref.path()}/{manifest.version}/{name}")
    except FileNotFoundError:
        return None
    # The version's own folder stands for a whole download: it is not made for one page.
    path = path if path.parent.is_dir() else path.parent.with_name(f"{ASIDE}{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
