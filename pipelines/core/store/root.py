"""Where a store is: its address, its folders, and the bytes of single files.

Why: the rules of manifests and versions must not depend on whether the store is local.
Not here: what a manifest says (``manifests.py``), the objects of a remote store (``remote.py``).
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import ArtifactError, ConfigError
from pipelines.core.rights import private_folder
from pipelines.core.store.branch_names import address, split_address
from pipelines.core.store.durable import replace_durably
from pipelines.core.store.integrity import LOST
from pipelines.core.store.manifest import Manifest, Ref
from pipelines.core.store.remote import Remote
from pipelines.core.temporary import host_folder

STAGING, LOCK = ".staging-", ".lock"
BRANCHES = ".branches"
FILE = "file://"
VERSION = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class StoreRoot:
    """The root of a store.

    Attributes:
        uri: ``file:///path``, a plain path, or any URI that fsspec opens (``s3://bucket/x``). An address
            that ends in ``?branch=NAME`` may be given.
        branch: The branch that is worked on; empty for main.

    Raises:
        ConfigError: The URI is empty, which would stand for the current folder, or the branch has no
            name of one.
    """

    uri: str
    branch: str = ""

    def __post_init__(self) -> None:
        """Take the address apart; refuse what a variable that is not set leaves of it."""
        uri, branch = split_address(address(self.uri, self.branch))
        object.__setattr__(self, "uri", uri)
        object.__setattr__(self, "branch", branch)
        if not self.uri.removeprefix(FILE).strip():
            raise ConfigError(
                f"The store's address is empty ({self.uri!r}). Pass --store with a folder or a URI."
            )

    @property
    def address(self) -> str:
        """The address that another process opens the same branch by."""
        return address(self.uri, self.branch)

    @property
    def is_local(self) -> bool:
        """Whether artifacts are on this machine's file system."""
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

    @property
    def remote(self) -> Remote:
        """The objects of a store that is not local."""
        return Remote(self.uri)

    def folder(self, ref: Ref) -> Path:
        """Local folder of every version of an artifact, whichever branch made it."""
        return self.root / ref.path()

    def workplace(self, ref: Ref) -> Path:
        """Local folder for making an artifact: its lock, what is staged, and checkpoints."""
        return self.root / self.own_path(ref)

    def own_path(self, ref: Ref) -> str:
        """Path below the root of what a branch has of its own for an artifact; main's is the artifact's."""
        if not self.branch:
            return ref.path()
        return f"{ref.pipeline}/{BRANCHES}/{self.branch}/{ref.dataset}/{ref.key}"

    def version_folder(self, ref: Ref, digest: str) -> Path:
        """Local folder of one version's files."""
        return self.folder(ref) / digest[:16]

    def uri_of(self, manifest: Manifest) -> str:
        """Where that version of an artifact is, for people and other programs."""
        base = self.uri if not self.is_local else f"file://{self.root}"
        return f"{base}/{manifest.ref.path()}/{manifest.version}"

    def holds(self, uri: str) -> bool:
        """Whether something of that URI lies in this store."""
        base = self.uri.rstrip("/") if not self.is_local else f"file://{self.root}"
        return uri.startswith((f"{base}/", f"{base.removeprefix('file://')}/"))

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, by its path below the root; None where there is none.

        Raises:
            ArtifactError: The disk cannot give them back.
        """
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

    def replace(self, path: str, text: str, ref: Ref) -> None:
        """Write a file of an artifact, or replace it, by its path below the root; atomic."""
        if not self.is_local:
            self.remote.write(path, text.encode())
            return
        name = path.rpartition("/")[2]
        staged = self.workplace(ref) / f"{STAGING}{name}-{os.getpid()}"
        staged.parent.mkdir(parents=True, exist_ok=True)
        replace_durably(self.root / path, text, staged)
