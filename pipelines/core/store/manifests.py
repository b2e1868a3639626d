"""A store's manifests: what is published, which versions are kept, and pointing at one.

Promise: an artifact moves to another version by one atomic replacement of its ``manifest.json``;
    a manifest that is where it does not belong is refused.
Not here: what is in one (``manifest.py``), a version's other files (``version_files.py``).

Layout: ``<root>/<pipeline>/<dataset>/<key>/manifest.json`` points at
``<root>/<pipeline>/<dataset>/<key>/<version>/``, which has a manifest of its own.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipelines.core.errors import ArtifactError, ConfigError
from pipelines.core.store.manifest import MANIFEST, Manifest, Ref
from pipelines.core.store.root import STAGING, VERSION, StoreRoot


@dataclass(frozen=True, slots=True)
class ManifestStore(StoreRoot):
    """A store of which manifests are read and written."""

    def find(self, ref: Ref) -> Manifest | None:
        """The manifest of the published artifact, or None.

        Raises:
            ArtifactError: It is damaged; running its stage again mends it.
            ConfigError: A later version of Millrace wrote it.
        """
        return self._manifest(f"{ref.path()}/{MANIFEST}", ref)

    def find_version(self, ref: Ref, digest: str) -> Manifest | None:
        """The manifest of a finished version, pointed at or not.

        A manifest of its own that is damaged is replaced by the one that points at the version.

        Raises:
            ArtifactError: It is damaged, and the version is not pointed at.
            ConfigError: A later version of Millrace wrote it.
        """
        try:
            own = self.own_manifest(ref, digest)
        except ArtifactError:
            pointed = self.pointed_at(ref, digest)
            if pointed is None:
                raise
            return pointed
        if own is None and self.is_local and self.version_folder(ref, digest).is_dir():
            return self.pointed_at(ref, digest)
        return own

    def own_manifest(self, ref: Ref, digest: str) -> Manifest | None:
        """The manifest that is with a version's files, or None.

        Raises:
            ArtifactError: It is damaged.
            ConfigError: A later version of Millrace wrote it.
        """
        return self._manifest(f"{ref.path()}/{digest[:16]}/{MANIFEST}", ref)

    def version_or_none(self, ref: Ref, digest: str) -> Manifest | None:
        """The same; None where its manifest is damaged."""
        try:
            return self.find_version(ref, digest)
        except ArtifactError:
            return None

    def pointed_at(self, ref: Ref, digest: str) -> Manifest | None:
        """The published manifest, if it is readable and names that version."""
        try:
            manifest = self.find(ref)
        except ArtifactError:
            return None
        named = manifest is not None and manifest.version == digest[:16]
        return manifest if named else None

    def versions(self, ref: Ref) -> list[Manifest]:
        """The manifest of every version that is kept and readable, newest first."""
        found = (self.version_or_none(ref, name) for name in self._version_names(ref))
        return [manifest for manifest in found if manifest is not None]

    def keys(self, pipeline: str, dataset: str) -> list[str]:
        """Keys of a dataset's published artifacts, sorted."""
        base = f"{pipeline}/{dataset}"
        if self.is_local:
            found = (p.parent for p in (self.root / base).rglob(MANIFEST))
            keys = {p.relative_to(self.root / base).as_posix() for p in found}
        else:
            paths = (PurePosixPath(p) for p in self.remote.sizes(base))
            keys = {str(path.parent) for path in paths if path.name == MANIFEST}
        return sorted(filter(_is_key, keys))

    def write_own(self, manifest: Manifest) -> None:
        """Write the manifest that is with a version's files, and says that it is finished."""
        path = f"{manifest.ref.path()}/{manifest.version}/{MANIFEST}"
        self.replace(path, manifest.to_json(), manifest.ref)

    def point(self, manifest: Manifest) -> Manifest:
        """Make a finished version the one that readers see, and return its manifest."""
        self.replace(f"{manifest.ref.path()}/{MANIFEST}", manifest.to_json(), manifest.ref)
        return manifest

    def _version_names(self, ref: Ref) -> list[str]:
        if self.is_local:
            paths = [p for p in self.folder(ref).glob("*") if VERSION.fullmatch(p.name)]
            return [path.name for path in sorted(paths, key=_modified, reverse=True)]
        parts = (PurePosixPath(p).parts for p in self.remote.sizes(ref.path()))
        return sorted({p[0] for p in parts if VERSION.fullmatch(p[0])})

    def _manifest(self, path: str, ref: Ref) -> Manifest | None:
        try:
            text = self.read(path)
            return None if text is None else _in_place(Manifest.from_json(text, path), path)
        except ArtifactError as error:
            raise ArtifactError(f"{error} Run {self._maker(ref)} for it again.") from error

    def _maker(self, ref: Ref) -> str:
        """The stage that makes an artifact, as a manifest of one of its versions says."""
        for path in self.folder(ref).glob(f"*/{MANIFEST}"):
            try:
                return Manifest.from_json(path.read_bytes(), str(path)).stage
            except (OSError, ArtifactError, ConfigError):
                continue
        return f"the stage that publishes {ref.dataset}"


def _in_place(manifest: Manifest, path: str) -> Manifest:
    """The same manifest, if it is where it belongs: elsewhere it would pass off other files."""
    key = manifest.ref.path()
    if path not in {f"{key}/{MANIFEST}", f"{key}/{manifest.version}/{MANIFEST}"}:
        raise ArtifactError(f"{path} is the manifest of {key}, version {manifest.version}.")
    return manifest


def _is_key(path: str) -> bool:
    """Whether a folder with a manifest is a key's, not a version's or one that a kill left in staging."""
    name = path.rpartition("/")[2]
    return not (VERSION.fullmatch(name) or name.startswith(STAGING))


def _modified(path: Path) -> float:
    return path.stat().st_mtime
