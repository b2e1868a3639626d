"""The artifact store: folders that are whole or absent, each with a manifest.

Why: a stage can be killed at any point and a reader must never see half of what it wrote.
Promise: work is written aside; its version folder appears by one rename; the artifact moves to
    it by one replacement of ``manifest.json``. A reader that holds a manifest keeps reading
    that version. On an object store the manifest is written last, which amounts to the same.
Not here: whether work must be done (``pipelines/stages/protocol.py``); old versions and what a
    kill left aside are removed by ``housekeeping.py``.

Layout: ``<root>/<pipeline>/<dataset>/<key>/manifest.json`` points at
``<root>/<pipeline>/<dataset>/<key>/<version>/``.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import ArtifactError, ConfigError
from pipelines.store.durable import make_durable, make_names_durable
from pipelines.store.manifest import Manifest, Ref

MANIFEST = "manifest.json"
ASIDE = ".aside-"


@dataclass(frozen=True, slots=True)
class Store:
    """A store of artifacts under one root.

    Attributes:
        uri: ``file:///path``, a plain path, or any URI that fsspec opens (``s3://bucket/x``).
    """

    uri: str

    @property
    def is_local(self) -> bool:
        """Whether artifacts lie on this machine's file system."""
        return "://" not in self.uri or self.uri.startswith("file://")

    @property
    def root(self) -> Path:
        """Folder of a local store, or this machine's cache of a remote one."""
        if self.is_local:
            return Path(self.uri.removeprefix("file://")).absolute()
        name = self.uri.replace("://", "-").replace("/", "-")
        return Path(tempfile.gettempdir()) / f"millrace-cache-{os.getuid()}" / name

    def folder(self, ref: Ref) -> Path:
        """Local folder of every version of an artifact."""
        return self.root / ref.path()

    def uri_of(self, manifest: Manifest) -> str:
        """Where that version of an artifact lies, for people and other programs."""
        base = self.uri if not self.is_local else f"file://{self.root}"
        return f"{base}/{manifest.ref.path()}/{manifest.version}"

    def find(self, ref: Ref) -> Manifest | None:
        """The manifest of the published artifact, or None."""
        text = self._read(f"{ref.path()}/{MANIFEST}")
        return None if text is None else Manifest.from_json(text, f"{ref.path()}/{MANIFEST}")

    def find_version(self, ref: Ref, digest: str) -> Manifest | None:
        """The manifest of a finished version, pointed at or not."""
        path = f"{ref.path()}/{digest[:16]}/{MANIFEST}"
        text = self._read(path)
        return None if text is None else Manifest.from_json(text, path)

    def open(self, manifest: Manifest) -> Path:
        """Local folder with that version's files.

        Raises:
            ArtifactError: The manifest is there and a file it names is not.
        """
        folder = self.folder(manifest.ref) / manifest.version
        if not self.is_local and not (folder / MANIFEST).exists():
            self._download(manifest, folder)
        for name, facts in manifest.files.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != facts["bytes"]:
                raise ArtifactError(
                    f"{manifest.ref.path()}: {name} is missing or is not {facts['bytes']} bytes, "
                    f"as its manifest says. Run {manifest.stage} for it again."
                )
        return folder

    def read_file(self, manifest: Manifest, name: str) -> bytes:
        """One small file of a version, without the others.

        Raises:
            ArtifactError: It is missing, or its content is not what the manifest says.
        """
        path = f"{manifest.ref.path()}/{manifest.version}/{name}"
        try:
            if self.is_local:
                content = (self.root / path).read_bytes()
            else:
                fs, root = self._remote()
                content = bytes(fs.cat_file(f"{root}/{path}"))
        except FileNotFoundError:
            content = None
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
            fs, root = self._remote()
            stripped = (
                p.split(f"/{base}/", 1)[1] for p in fs.glob(f"{root}/{base}/**/{MANIFEST}")
            )
            keys = {path.rsplit("/", 1)[0] for path in stripped}
        # A version's own manifest lies one level below its key's.
        return sorted(k for k in keys if k.rpartition("/")[0] not in keys and ASIDE not in k)

    @contextmanager
    def lock(self, ref: Ref) -> Iterator[None]:
        """Hold the only right, on this machine, to make an artifact."""
        folder = self.folder(ref)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def aside(self, ref: Ref, digest: str) -> Iterator[Path]:
        """An empty folder to write a version into; gone at the end, published or not."""
        folder = self.folder(ref) / f"{ASIDE}{digest[:16]}-{os.getpid()}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, ref: Ref) -> None:
        """Remove what a killed process left aside; the caller holds the artifact's lock."""
        for left in self.folder(ref).glob(f"{ASIDE}*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    def scratch(self, ref: Ref, digest: str) -> Path:
        """A folder that outlives a kill, for the checkpoints of one piece of work."""
        folder = self.folder(ref) / f".scratch-{digest[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop_scratch(self, ref: Ref, digest: str) -> None:
        """Remove the scratch folder of work that is published."""
        shutil.rmtree(self.folder(ref) / f".scratch-{digest[:16]}", ignore_errors=True)

    def publish(self, aside: Path, manifest: Manifest) -> None:
        """Make a version appear whole, then point the artifact at it."""
        (aside / MANIFEST).write_text(manifest.to_json())
        make_durable(aside)
        final = self.folder(manifest.ref) / manifest.version
        if final.exists():
            # Same digest, yet not found finished: bytes of an interrupted download or a damaged
            # version; what was just made replaces it.
            shutil.rmtree(final)
        aside.rename(final)
        if not self.is_local:
            self._upload(manifest, final)
        self.point(manifest)

    def point(self, manifest: Manifest) -> None:
        """Make a finished version the one that readers see."""
        if not self.is_local:
            fs, root = self._remote()
            fs.pipe_file(
                f"{root}/{manifest.ref.path()}/{MANIFEST}", manifest.to_json().encode()
            )
            return
        folder = self.folder(manifest.ref)
        temporary = folder / f"{ASIDE}{MANIFEST}-{os.getpid()}"
        temporary.write_text(manifest.to_json())
        make_durable(temporary)
        temporary.replace(folder / MANIFEST)
        make_names_durable(folder)  # each version's files were synced as it was published

    def _read(self, path: str) -> str | None:
        if self.is_local:
            try:
                return (self.root / path).read_text()
            except (FileNotFoundError, NotADirectoryError):
                return None
        fs, root = self._remote()
        try:
            return str(fs.cat_file(f"{root}/{path}").decode())
        except FileNotFoundError:
            return None

    def _remote(self) -> tuple[Any, str]:
        import fsspec

        try:
            fs, root = fsspec.core.url_to_fs(self.uri)
        except (ValueError, ImportError) as error:
            raise ConfigError(f"store {self.uri!r} cannot be opened: {error}") from error
        # Another process publishes while this one looks: a cached listing would hide it.
        fs.use_listings_cache = False
        fs.invalidate_cache()
        return fs, root.rstrip("/")

    def _upload(self, manifest: Manifest, folder: Path) -> None:
        fs, root = self._remote()
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST):
            name = path.relative_to(folder).as_posix()
            fs.put_file(str(path), f"{root}/{manifest.ref.path()}/{manifest.version}/{name}")
        fs.pipe_file(
            f"{root}/{manifest.ref.path()}/{manifest.version}/{MANIFEST}",
            manifest.to_json().encode(),
        )

    def _download(self, manifest: Manifest, folder: Path) -> None:
        fs, root = self._remote()
        remote = f"{root}/{manifest.ref.path()}/{manifest.version}"
        aside = folder.with_name(f"{ASIDE}{folder.name}-{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        for path in fs.find(remote):
            target = aside / path.split(f"{manifest.version}/", 1)[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            fs.get_file(path, str(target))
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
