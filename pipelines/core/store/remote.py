"""A store that is not on this machine: what fsspec is asked to do.

Why: the store's rules must not depend on whose objects they are kept in.
Promise: fsspec is imported at the first call; no listing is remembered, because other processes
    publish meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.core.errors import ConfigError
from pipelines.core.store.manifest import files_below

# An object store has no folders: asked for one, its client would make a bucket of a misspelt name.
WITH_FOLDERS = frozenset({"local", "file", "sftp", "ssh", "hdfs", "webhdfs", "smb"})


@dataclass(frozen=True, slots=True)
class Remote:
    """The objects below one URI, by their path below it.

    Attributes:
        uri: Any URI that fsspec opens.
    """

    uri: str

    def read(self, path: str) -> bytes | None:
        """An object's bytes, or None where there is none."""
        fs, root = self.opened()
        try:
            return bytes(fs.cat_file(f"{root}/{path}"))
        except FileNotFoundError:
            return None

    def write(self, path: str, content: bytes) -> None:
        """Write an object, whole or not at all."""
        fs, root = self.opened()
        target = f"{root}/{path}"
        _in_its_folder(fs, target, lambda: fs.pipe_file(target, content))

    def remove(self, path: str) -> None:
        """Remove an object; none is none already."""
        fs, root = self.opened()
        try:
            fs.rm_file(f"{root}/{path}")
        except FileNotFoundError:
            return

    def sizes(self, prefix: str) -> dict[str, int]:
        """Bytes of each object below a prefix (empty for the root), by its path below it."""
        fs, root = self.opened()
        base = f"{root}/{prefix}".strip("/") + "/"
        try:
            found = fs.find(f"{root}/{prefix}".rstrip("/"), detail=True)
        except FileNotFoundError:
            return {}
        sizes = ((path.strip("/"), int(facts["size"])) for path, facts in found.items())
        return {path.removeprefix(base): size for path, size in sizes if path.startswith(base)}

    def upload(self, folder: Path, prefix: str) -> None:
        """Copy a folder's files, but for its manifest, below a prefix."""
        fs, root = self.opened()
        for name, path in files_below(folder).items():
            target = f"{root}/{prefix}/{name}"
            _in_its_folder(fs, target, partial(fs.put_file, str(path), target))

    def download(self, prefix: str, folder: Path) -> None:
        """Copy everything below a prefix into a folder."""
        fs, root = self.opened()
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.sizes(prefix):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            fs.get_file(f"{root}/{prefix}/{name}", str(target))

    def opened(self) -> tuple[Any, str]:
        """Fsspec's file system and the root's path in it.

        Raises:
            ConfigError: No file system of that name can be opened here.
        """
        import fsspec

        try:
            fs, root = fsspec.core.url_to_fs(self.uri)
        except (ValueError, ImportError) as error:
            raise ConfigError(f"store {self.uri!r} cannot be opened: {error}") from error
        # Another process publishes while this one looks: a cached listing would hide it.
        fs.use_listings_cache = False
        fs.invalidate_cache()
        return fs, root.rstrip("/")


def _in_its_folder(fs: Any, path: str, write: Callable[[], object]) -> None:
    """Write a file, making its folder first where the file system needs one."""
    try:
        write()
    except FileNotFoundError:
        protocols = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
        if not protocols & WITH_FOLDERS:
            raise
        fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        write()
