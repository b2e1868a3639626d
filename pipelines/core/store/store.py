"""The artifact store: folders that are published atomically, each with a manifest.

Why: a stage can be killed at any point and a reader must never see half of what it wrote.
Promise: work is written into a staging directory; its version folder appears by one rename; the
    artifact moves to it by one replacement of ``manifest.json``. A reader that has a manifest keeps
    reading that version. On an object store the manifest is written last, which amounts to the same.
Not here: whether work must be done (``pipelines/protocol/perform.py``); old versions and what a
    kill left in staging are removed by ``housekeeping.py``.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.core.store.branch_store import MADE_ON
from pipelines.core.store.durable import make_durable, remove
from pipelines.core.store.integrity import remember
from pipelines.core.store.locks import held
from pipelines.core.store.manifest import MANIFEST, Manifest, Ref, file_digest, files_below
from pipelines.core.store.root import BRANCHES, LOCK, STAGING
from pipelines.core.store.version_files import VersionStore


@dataclass(frozen=True, slots=True)
class Store(VersionStore):
    """A store of artifacts under one root, to read from and to publish to."""

    @contextmanager
    def lock(self, ref: Ref) -> Iterator[None]:
        """Hold the only right, on this machine, to make an artifact."""
        folder = self.workplace(ref)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.truncate(0)
            yield

    def record_inputs(self, ref: Ref, inputs: Mapping[str, str]) -> None:
        """Name what is read while an artifact is made, in its lock, which the caller holds."""
        (self.workplace(ref) / LOCK).write_text(json.dumps(dict(inputs)))

    @contextmanager
    def staging(self, ref: Ref, digest: str) -> Iterator[Path]:
        """An empty folder to write a version into; gone at the end, published or not."""
        folder = self.workplace(ref) / f"{STAGING}{digest[:16]}-{os.getpid()}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            remove(folder)

    def sweep(self, ref: Ref) -> None:
        """Remove what a killed process left in staging; the caller holds the artifact's lock."""
        for left in self.workplace(ref).glob(f"{STAGING}*"):
            remove(left)

    def scratch(self, ref: Ref, digest: str) -> Path:
        """A folder that outlives a kill, for the checkpoints of some work."""
        folder = self.workplace(ref) / f".scratch-{digest[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop_scratch(self, ref: Ref, digest: str) -> None:
        """Remove the scratch folder of work that is published."""
        shutil.rmtree(self.workplace(ref) / f".scratch-{digest[:16]}", ignore_errors=True)

    def publish(self, staged: Path, manifest: Manifest) -> Manifest:
        """Make a version appear whole, then point the artifact at it.

        Returns:
            The manifest as published, with the hashes of the volatile files.
        """
        made = {**manifest.made, MADE_ON: self.branch} if self.branch else manifest.made
        manifest = replace(manifest, volatile_files=_volatile(staged, manifest), made=made)
        (staged / MANIFEST).write_text(manifest.to_json())
        make_durable(staged)
        self.folder(manifest.ref).mkdir(parents=True, exist_ok=True)
        with self.renaming(manifest.ref.pipeline):
            meanwhile = self._made_elsewhere(manifest)
            if meanwhile is not None:
                return self.point(meanwhile)
            self._put(staged, manifest)
        if not self.is_local:
            final = self.version_folder(manifest.ref, manifest.digest)
            self.remote.upload(final, f"{manifest.ref.path()}/{manifest.version}")
            self.write_own(manifest)
        return self.point(manifest)

    @contextmanager
    def renaming(self, pipeline: str) -> Iterator[None]:
        """Hold the right to make a version appear or go, for that moment.

        Main and each branch have locks of their own for making an artifact, and one folder for its
        versions.
        """
        with held(self.root / pipeline / BRANCHES / LOCK):
            yield

    def confirm(self, manifest: Manifest) -> None:
        """Note that a branch's version is the right one beside what main publishes now."""
        if self.branch and self.moved_on(manifest):
            with self.lock(manifest.ref):
                pointer = self.branch_pointer(manifest.ref)
                if pointer is not None and pointer.digest == manifest.digest:
                    self.point(manifest)

    def _made_elsewhere(self, manifest: Manifest) -> Manifest | None:
        """The same result, if a branch and main made it at the same time."""
        found = self.version_or_none(manifest.ref, manifest.digest)
        if found is None or found.content != manifest.content or self.damage(found):
            return None
        return found if self.branch or MADE_ON in found.made else None

    def _put(self, staged: Path, manifest: Manifest) -> None:
        """Rename a staged version to its place."""
        final = self.version_folder(manifest.ref, manifest.digest)
        replaced = final.with_name(f"{STAGING}replaced-{final.name}-{os.getpid()}")
        if final.exists():
            # Same digest, yet not found whole: a damaged version, or bytes of an interrupted
            # download; what was just made replaces it.
            final.rename(replaced)
        staged.rename(final)
        remove(replaced)
        remember(final, manifest)


def _volatile(staged: Path, manifest: Manifest) -> dict[str, dict[str, Any]]:
    return {
        name: {"bytes": path.stat().st_size, "sha256": file_digest(path)}
        for name, path in files_below(staged).items()
        if name not in manifest.files
    }
