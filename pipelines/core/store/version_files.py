"""The files of a store's versions, each compared with its manifest before it is used.

Promise: no file is handed to a reader before its bytes were compared with its manifest; a version
    that is damaged in a remote store loses its manifest there, so that its stage makes it again.
Not here: hashing (``integrity.py``), publishing a version (``store.py``).
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import ArtifactError
from pipelines.core.store.branch_store import BranchStore
from pipelines.core.store.durable import remove
from pipelines.core.store.integrity import damage_of, describe_damage
from pipelines.core.store.manifest import MANIFEST, Manifest, Ref
from pipelines.core.store.root import STAGING


@dataclass(frozen=True, slots=True)
class VersionStore(BranchStore):
    """A store of which versions are read."""

    def find_whole(self, ref: Ref, digest: str) -> Manifest | None:
        """The manifest of a version that needs no making: finished, and every file as it was written.

        A version's own manifest is written again where it alone was lost.
        """
        manifest = self.version_or_none(ref, digest)
        if manifest is None or self.damage(manifest):
            return None
        if self.is_local and not self._has_own(manifest):
            self.write_own(manifest)
        return manifest

    def find_intact(self, ref: Ref) -> Manifest | None:
        """The published artifact's manifest; None where it, or any of its files, is damaged."""
        try:
            manifest = self.find(ref)
        except ArtifactError:
            return None
        return None if manifest is None or self.damage(manifest) else manifest

    def damage(self, manifest: Manifest) -> dict[str, str]:
        """What is wrong with a version's files, by their name; empty where it is whole.

        Files on another machine are looked at there, by size; whoever reads them checks their bytes,
        and takes away the manifest of a version that fails (``open``).
        """
        if self.is_local:
            return damage_of(self.version_folder(manifest.ref, manifest.digest), manifest)
        sizes = self.remote.sizes(f"{manifest.ref.path()}/{manifest.version}")
        wrong = (n for n, f in manifest.needed.items() if sizes.get(n) != f["bytes"])
        return {name: f"has {sizes.get(name, 'no')} bytes in the store" for name in wrong}

    def why_again(self, ref: Ref, digest: str) -> str:
        """Why work that was finished before must be done again; empty where it never was."""
        try:
            manifest = self.find_version(ref, digest)
        except ArtifactError as error:
            return str(error)
        if manifest is None:
            pointed = self.pointed_at(ref, digest)
            return f"{ref.path()}: the files of {digest[:16]} are missing" if pointed else ""
        damage = self.damage(manifest)
        return f"{ref.path()}: {describe_damage(damage)}" if damage else ""

    def open(self, manifest: Manifest) -> Path:
        """Local folder with that version's files, each checked to be what its manifest says.

        Raises:
            ArtifactError: A file is missing or damaged; running its stage again mends it.
        """
        folder = self.version_folder(manifest.ref, manifest.digest)
        found = damage_of(folder, manifest)
        if found:
            # Made again since with the same content, its volatile files may be others.
            manifest = self._made_again(manifest)
            found = damage_of(folder, manifest) if self.is_local else self._fetch(manifest)
        if found:
            raise ArtifactError(
                f"{manifest.ref.path()}: {describe_damage(found)}. {self._remedy(manifest)}"
            )
        return folder

    def read_file(self, manifest: Manifest, name: str) -> bytes:
        """One small file of a version, without the others.

        Raises:
            ArtifactError: It is missing, or its content is not what the manifest says.
        """
        path = f"{manifest.ref.path()}/{manifest.version}/{name}"
        content = self.read(path)
        wanted = manifest.files[name]["sha256"]
        if content is None or hashlib.sha256(content).hexdigest() != wanted:
            raise ArtifactError(
                f"{manifest.ref.path()}: {name} is missing or is not what its manifest says "
                f"(sha256 {wanted}). Run {manifest.stage} for it again."
            )
        return content

    def _has_own(self, manifest: Manifest) -> bool:
        try:
            return self.own_manifest(manifest.ref, manifest.digest) == manifest
        except ArtifactError:
            return False

    def _made_again(self, manifest: Manifest) -> Manifest:
        own = self.version_or_none(manifest.ref, manifest.digest)
        return own if own is not None and own.content == manifest.content else manifest

    def _remedy(self, manifest: Manifest) -> str:
        if self.pointed_at(manifest.ref, manifest.digest) is not None:
            return f"Run {manifest.stage} for it again: it is made anew."
        return (
            f"Version {manifest.version} is not the published one: run {manifest.stage} for it with "
            f"the settings, inputs and code that made it, or put its files back from a copy."
        )

    def _fetch(self, manifest: Manifest) -> dict[str, str]:
        """Download a version and say what is wrong with it, after a second try.

        A version that is damaged in the store itself loses its manifest there, so that it is no
        longer found finished and its stage makes it again.
        """
        folder = self.version_folder(manifest.ref, manifest.digest)
        prefix = f"{manifest.ref.path()}/{manifest.version}"
        found: dict[str, str] = {}
        for _ in range(2):
            staged = folder.with_name(f"{STAGING}{folder.name}-{os.getpid()}")
            remove(staged)
            try:
                self.remote.download(prefix, staged)
                remove(folder)
                staged.rename(folder)
            finally:
                remove(staged)
            found = damage_of(folder, manifest, afresh=True)
            if not found:
                return {}
        remove(folder)
        self.remote.remove(f"{prefix}/{MANIFEST}")
        return found
