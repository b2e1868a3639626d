"""The artifact store: folders that are whole or absent, each with a manifest.

Why: a stage can be killed at any point and a reader must never see half of what it wrote.
Promise: work is written aside; its version folder appears by one rename; the artifact moves to
    it by one replacement of ``manifest.json``. A reader that holds a manifest keeps reading
    that version. On an object store the manifest is written last, which amounts to the same.
    No file is handed to a reader before its bytes were compared with its manifest.
Not here: whether work must be done (``pipelines/protocol/perform.py``); old versions and what a
    kill left aside are removed by ``housekeeping.py``.

Layout: ``<root>/<pipeline>/<dataset>/<key>/manifest.json`` points at
``<root>/<pipeline>/<dataset>/<key>/<version>/``.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.core.errors import ArtifactError, ConfigError
from pipelines.core.rights import private_folder
from pipelines.core.store.durable import make_durable, remove, replace_durably
from pipelines.core.store.integrity import LOST, damage_of, remember, told
from pipelines.core.store.manifest import MANIFEST, Manifest, Ref, file_digest, files_below
from pipelines.core.store.remote import Remote
from pipelines.core.temporary import host_folder

ASIDE, LOCK = ".aside-", ".lock"
FILE = "file://"
VERSION = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Store:
    """A store of artifacts under one root.

    Attributes:
        uri: ``file:///path``, a plain path, or any URI that fsspec opens (``s3://bucket/x``).

    Raises:
        ConfigError: The URI is empty, which would stand for the current folder.
    """

    uri: str

    def __post_init__(self) -> None:
        """Refuse what a variable that is not set leaves of an address."""
        if not self.uri.removeprefix(FILE).strip():
            raise ConfigError(
                f"The store's address is empty ({self.uri!r}). Pass --store with a folder or a URI."
            )

    @property
    def is_local(self) -> bool:
        """Whether artifacts lie on this machine's file system."""
        return "://" not in self.uri or self.uri.startswith(FILE)

    @property
    def root(self) -> Path:
        """Folder of a local store, or this machine's cache of a remote one.

        Raises:
            ConfigError: The cache's folder is another user's, who might have filled it.
        """
        if self.is_local:
            return Path(self.uri.removeprefix(FILE)).absolute()
        name = self.uri.replace("://", "-").replace("/", "-")
        return private_folder(host_folder() / f"millrace-cache-{os.getuid()}") / name

    def folder(self, ref: Ref) -> Path:
        """Local folder of every version of an artifact."""
        return self.root / ref.path()

    def uri_of(self, manifest: Manifest) -> str:
        """Where that version of an artifact lies, for people and other programs."""
        base = self.uri if not self.is_local else f"file://{self.root}"
        return f"{base}/{manifest.ref.path()}/{manifest.version}"

    def holds(self, uri: str) -> bool:
        """Whether something of that URI lies in this store."""
        base = self.uri.rstrip("/") if not self.is_local else f"file://{self.root}"
        return uri.startswith((f"{base}/", f"{base.removeprefix('file://')}/"))

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
        if own is None and self.is_local and self._local(ref, digest).is_dir():
            return self.pointed_at(ref, digest)
        return own

    def own_manifest(self, ref: Ref, digest: str) -> Manifest | None:
        """The manifest that lies with a version's files, or None.

        Raises:
            ArtifactError: It is damaged.
            ConfigError: A later version of Millrace wrote it.
        """
        return self._manifest(f"{ref.path()}/{digest[:16]}/{MANIFEST}", ref)

    def versions(self, ref: Ref) -> list[Manifest]:
        """The manifest of every version that is kept and readable, newest first."""
        if self.is_local:
            paths = [p for p in self.folder(ref).glob("*") if VERSION.fullmatch(p.name)]
            newest = sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)
            names = [path.name for path in newest]
        else:
            parts = (PurePosixPath(p).parts for p in self.remote.sizes(ref.path()))
            names = sorted({p[0] for p in parts if VERSION.fullmatch(p[0])})
        found = (self._version_or_none(ref, name) for name in names)
        return [manifest for manifest in found if manifest is not None]

    def pointed_at(self, ref: Ref, digest: str) -> Manifest | None:
        """The published manifest, if it is readable and names that version."""
        try:
            manifest = self.find(ref)
        except ArtifactError:
            return None
        named = manifest is not None and manifest.version == digest[:16]
        return manifest if named else None

    def find_whole(self, ref: Ref, digest: str) -> Manifest | None:
        """The manifest of a version that needs no making: finished, and every file as it was written.

        A version's own manifest is written again where it alone was lost.
        """
        manifest = self._version_or_none(ref, digest)
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
            return damage_of(self._local(manifest.ref, manifest.digest), manifest)
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
        return f"{ref.path()}: {told(damage)}" if damage else ""

    def open(self, manifest: Manifest) -> Path:
        """Local folder with that version's files, each checked to be what its manifest says.

        Raises:
            ArtifactError: A file is missing or damaged; running its stage again mends it.
        """
        folder = self._local(manifest.ref, manifest.digest)
        found = damage_of(folder, manifest)
        if found:
            # Made again since with the same content, its volatile files may be others.
            manifest = self._made_again(manifest)
            found = damage_of(folder, manifest) if self.is_local else self._fetch(manifest)
        if found:
            raise ArtifactError(
                f"{manifest.ref.path()}: {told(found)}. {self._remedy(manifest)}"
            )
        return folder

    def read_file(self, manifest: Manifest, name: str) -> bytes:
        """One small file of a version, without the others.

        Raises:
            ArtifactError: It is missing, or its content is not what the manifest says.
        """
        path = f"{manifest.ref.path()}/{manifest.version}/{name}"
        content = self._read(path)
        wanted = manifest.files[name]["sha256"]
        if content is None or hashlib.sha256(content).hexdigest() != wanted:
            raise ArtifactError(
                f"{manifest.ref.path()}: {name} is missing or is not what its manifest says "
                f"(sha256 {wanted}). Run {manifest.stage} for it again."
            )
        return content

    def keys(self, pipeline: str, dataset: str) -> list[str]:
        """Keys of a dataset's published artifacts, sorted."""
        base = f"{pipeline}/{dataset}"
        if self.is_local:
            found = (p.parent for p in (self.root / base).rglob(MANIFEST))
            keys = {p.relative_to(self.root / base).as_posix() for p in found}
        else:
            paths = (PurePosixPath(p) for p in self.remote.sizes(base))
            keys = {str(path.parent) for path in paths if path.name == MANIFEST}
        # A version's own manifest lies one level below its key's.
        return sorted(k for k in keys if not VERSION.fullmatch(k.rpartition("/")[2]))

    @contextmanager
    def lock(self, ref: Ref) -> Iterator[None]:
        """Hold the only right, on this machine, to make an artifact."""
        folder = self.folder(ref)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.truncate(0)
            yield

    def tell_reading(self, ref: Ref, inputs: Mapping[str, str]) -> None:
        """Name what is read while an artifact is made, in its lock, which the caller holds."""
        (self.folder(ref) / LOCK).write_text(json.dumps(dict(inputs)))

    @contextmanager
    def aside(self, ref: Ref, digest: str) -> Iterator[Path]:
        """An empty folder to write a version into; gone at the end, published or not."""
        folder = self.folder(ref) / f"{ASIDE}{digest[:16]}-{os.getpid()}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            remove(folder)

    def sweep(self, ref: Ref) -> None:
        """Remove what a killed process left aside; the caller holds the artifact's lock."""
        for left in self.folder(ref).glob(f"{ASIDE}*"):
            remove(left)

    def scratch(self, ref: Ref, digest: str) -> Path:
        """A folder that outlives a kill, for the checkpoints of one piece of work."""
        folder = self.folder(ref) / f".scratch-{digest[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop_scratch(self, ref: Ref, digest: str) -> None:
        """Remove the scratch folder of work that is published."""
        shutil.rmtree(self.folder(ref) / f".scratch-{digest[:16]}", ignore_errors=True)

    def publish(self, aside: Path, manifest: Manifest) -> Manifest:
        """Make a version appear whole, then point the artifact at it.

        Returns:
            The manifest as published, with the hashes of the volatile files.
        """
        manifest = replace(manifest, volatile_files=_volatile(aside, manifest))
        (aside / MANIFEST).write_text(manifest.to_json())
        make_durable(aside)
        final = self._local(manifest.ref, manifest.digest)
        replaced = final.with_name(f"{ASIDE}replaced-{final.name}-{os.getpid()}")
        if final.exists():
            # Same digest, yet not found whole: a damaged version, or bytes of an interrupted
            # download; what was just made replaces it.
            final.rename(replaced)
        aside.rename(final)
        remove(replaced)
        remember(final, manifest)
        if not self.is_local:
            self.remote.upload(final, f"{manifest.ref.path()}/{manifest.version}")
            self.write_own(manifest)
        self.point(manifest)
        return manifest

    def write_own(self, manifest: Manifest) -> None:
        """Write the manifest that lies with a version's files, and says that it is finished."""
        self._write(manifest, f"{manifest.ref.path()}/{manifest.version}/{MANIFEST}")

    def point(self, manifest: Manifest) -> None:
        """Make a finished version the one that readers see."""
        self._write(manifest, f"{manifest.ref.path()}/{MANIFEST}")

    @property
    def remote(self) -> Remote:
        """The objects of a store that is not local."""
        return Remote(self.uri)

    def _local(self, ref: Ref, digest: str) -> Path:
        return self.folder(ref) / digest[:16]

    def _version_or_none(self, ref: Ref, digest: str) -> Manifest | None:
        try:
            return self.find_version(ref, digest)
        except ArtifactError:
            return None

    def _has_own(self, manifest: Manifest) -> bool:
        try:
            return self.own_manifest(manifest.ref, manifest.digest) == manifest
        except ArtifactError:
            return False

    def _made_again(self, manifest: Manifest) -> Manifest:
        own = self._version_or_none(manifest.ref, manifest.digest)
        return own if own is not None and own.content == manifest.content else manifest

    def _remedy(self, manifest: Manifest) -> str:
        if self.pointed_at(manifest.ref, manifest.digest) is not None:
            return f"Run {manifest.stage} for it again: it is made anew."
        return (
            f"Version {manifest.version} is not the published one: run {manifest.stage} for it with "
            f"the settings, inputs and code that made it, or put its files back from a copy."
        )

    def _manifest(self, path: str, ref: Ref) -> Manifest | None:
        try:
            text = self._read(path)
            return None if text is None else _placed(Manifest.from_json(text, path), path)
        except ArtifactError as error:
            raise ArtifactError(f"{error} Run {self._maker(ref)} for it again.") from error

    def _maker(self, ref: Ref) -> str:
        """The stage that makes an artifact, as a manifest of one of its versions tells."""
        for path in self.folder(ref).glob(f"*/{MANIFEST}"):
            try:
                return Manifest.from_json(path.read_bytes(), str(path)).stage
            except (OSError, ArtifactError, ConfigError):
                continue
        return f"the stage that publishes {ref.dataset}"

    def _read(self, path: str) -> bytes | None:
        if not self.is_local:
            return self.remote.read(path)
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno not in LOST:
                raise
            raise ArtifactError(f"{path} cannot be read ({error.strerror}).") from error

    def _write(self, manifest: Manifest, path: str) -> None:
        if not self.is_local:
            self.remote.write(path, manifest.to_json().encode())
            return
        aside = self.folder(manifest.ref) / f"{ASIDE}{MANIFEST}-{os.getpid()}"
        replace_durably(self.root / path, manifest.to_json(), aside)

    def _fetch(self, manifest: Manifest) -> dict[str, str]:
        """Download a version and tell what is wrong with it, after a second try.

        A version that is damaged in the store itself loses its manifest there, so that it is no
        longer found finished and its stage makes it again.
        """
        folder = self._local(manifest.ref, manifest.digest)
        prefix = f"{manifest.ref.path()}/{manifest.version}"
        found: dict[str, str] = {}
        for _ in range(2):
            aside = folder.with_name(f"{ASIDE}{folder.name}-{os.getpid()}")
            remove(aside)
            try:
                self.remote.download(prefix, aside)
                remove(folder)
                aside.rename(folder)
            finally:
                remove(aside)
            found = damage_of(folder, manifest, afresh=True)
            if not found:
                return {}
        remove(folder)
        self.remote.remove(f"{prefix}/{MANIFEST}")
        return found


def _placed(manifest: Manifest, path: str) -> Manifest:
    """The same manifest, if it lies where it belongs: elsewhere it would pass off other files."""
    key = manifest.ref.path()
    if path not in {f"{key}/{MANIFEST}", f"{key}/{manifest.version}/{MANIFEST}"}:
        raise ArtifactError(f"{path} is the manifest of {key}, version {manifest.version}.")
    return manifest


def _volatile(aside: Path, manifest: Manifest) -> dict[str, dict[str, Any]]:
    return {
        name: {"bytes": path.stat().st_size, "sha256": file_digest(path)}
        for name, path in files_below(aside).items()
        if name not in manifest.files
    }
