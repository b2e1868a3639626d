"""Files added to a version after it was published: pages, which are not part of its content.

Why: an artifact whose page could not be made is the same artifact when the page comes later.
Promise: a file appears whole; digests and other files stay as they are, and the hash that the
    manifest records of the page is the new one's.
Not here: when pages are made (``pipelines/protocol/pages.py``).
"""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from pipelines.core.store.durable import make_durable
from pipelines.core.store.manifest import Manifest, file_digest
from pipelines.core.store.root import STAGING
from pipelines.core.store.store import Store


def add_file(store: Store, manifest: Manifest, name: str, content: bytes) -> None:
    """Put a file into a published version, in place of one of that name.

    The caller holds the artifact's lock and has opened the version. A kill in between leaves the
    file without a recorded hash, never with that of another file.
    """
    # Another file may have been added since the caller read the manifest.
    manifest = store.find_version(manifest.ref, manifest.digest) or manifest
    folder = store.folder(manifest.ref) / manifest.version
    others = {n: facts for n, facts in manifest.volatile_files.items() if n != name}
    if name in manifest.volatile_files:
        _record(store, replace(manifest, volatile_files=others))
    # Beside the version, where a sweep finds it, not among its files.
    staged = store.workplace(manifest.ref) / f"{STAGING}{name}-{os.getpid()}"
    try:
        staged.write_bytes(content)
        make_durable(staged)
        staged.replace(folder / name)
    finally:
        staged.unlink(missing_ok=True)
    if not store.is_local:
        store.remote.write(f"{manifest.ref.path()}/{manifest.version}/{name}", content)
    facts = {"bytes": len(content), "sha256": _sha256(content)}
    _record(store, replace(manifest, volatile_files=others | {name: facts}))


def find_added(store: Store, manifest: Manifest, name: str) -> Path | None:
    """Where a file of a version is on this machine, or None; another host may have added it.

    A file that is not as it was recorded counts as absent.
    """
    path = store.folder(manifest.ref) / manifest.version / name
    manifest = store.find_version(manifest.ref, manifest.digest) or manifest
    recorded = manifest.recorded.get(name, {}).get("sha256")
    if path.is_file() and recorded in {None, file_digest(path)}:
        return path
    if store.is_local:
        return None
    content = store.remote.read(f"{manifest.ref.path()}/{manifest.version}/{name}")
    if content is None or recorded not in {None, _sha256(content)}:
        return None
    # The version's own folder stands for a whole download: it is not made for one page.
    path = path if path.parent.is_dir() else path.parent.with_name(f"{STAGING}{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _record(store: Store, manifest: Manifest) -> None:
    """Write both manifests of a version, whose volatile files alone are others."""
    store.write_own(manifest)
    # A branch's pointer names a version and holds nothing of it.
    if store.main.pointed_at(manifest.ref, manifest.digest) is not None:
        store.main.point(manifest)
