"""A store as one of its branches sees it: the branch's own pointers, and main's for everything else.

Why: a changed declaration, rule or setting must be tried beside production, without a copy of what it
    does not change and without a change for whoever reads production.
Promise: a branch has pointers alone. Versions are named by the digest of their work and lie where
    main's do, so that equal work is stored once, whoever did it; main's pointers are written by main
    and by ``promote`` only. A pointer says which version main published when it was written.
Not here: names of branches (``branch_names.py``), all branches of a store (``branches.py``).

Layout: ``<root>/<pipeline>/.branches/<branch>/<dataset>/<key>/pointer.json``.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath
from typing import Self

from pipelines.core.errors import ArtifactError
from pipelines.core.store.manifest import Manifest, Ref
from pipelines.core.store.manifests import ManifestStore
from pipelines.core.store.root import BRANCHES

POINTER, MADE_ON = "pointer.json", "branch"


@dataclass(frozen=True, slots=True)
class BranchPointer:
    """What a branch has in place of what main publishes.

    Attributes:
        digest: Digest of the version that it reads.
        base: Digest of the one that main published when this was written or last found to be right;
            empty where there was none.
    """

    digest: str
    base: str


@dataclass(frozen=True, slots=True)
class BranchStore(ManifestStore):
    """A store of which one branch, or main, is read and pointed."""

    @property
    def main(self) -> Self:
        """The same store without the branch."""
        return replace(self, branch="")

    # Zero-argument super() does not work in classes that slots=True has made anew.
    def find(self, ref: Ref) -> Manifest | None:
        """The manifest that the branch points at, or else the published artifact's, or None.

        Raises:
            ArtifactError: It is damaged; running its stage again mends it.
            ConfigError: A later version of Millrace wrote it.
        """
        pointer = self.branch_pointer(ref) if self.branch else None
        if pointer is None:
            return ManifestStore.find(self, ref)
        manifest = self.own_manifest(ref, pointer.digest)
        if manifest is None:
            raise ArtifactError(
                f"{ref.path()}: branch {self.branch} reads version {pointer.digest[:16]}, which is not "
                f"there. Run {self._maker(ref)} for it again on the branch."
            )
        return manifest

    def keys(self, pipeline: str, dataset: str) -> list[str]:
        """Keys of a dataset's artifacts that are published or that the branch has, sorted."""
        found = ManifestStore.keys(self, pipeline, dataset)
        if not self.branch:
            return found
        own = {ref.key for ref in self.branch_refs(pipeline) if ref.dataset == dataset}
        return sorted({*found, *own})

    def point(self, manifest: Manifest) -> Manifest:
        """Make a finished version the one that readers of this branch, or of main, see.

        A branch needs no pointer to what main publishes. A version that a branch made and main comes
        to is main's from then on.
        """
        if not self.branch:
            return ManifestStore.point(self, self._adopted(manifest))
        base = self._published_on_main(manifest.ref)
        if base == manifest.digest:
            self.unpoint(manifest.ref)
        else:
            text = json.dumps(asdict(BranchPointer(manifest.digest, base))) + "\n"
            self.replace(f"{self.own_path(manifest.ref)}/{POINTER}", text, manifest.ref)
        return manifest

    def unpoint(self, ref: Ref) -> None:
        """Have the branch read what main publishes."""
        path = f"{self.own_path(ref)}/{POINTER}"
        if self.is_local:
            (self.root / path).unlink(missing_ok=True)
        else:
            self.remote.remove(path)

    def branch_pointer(self, ref: Ref) -> BranchPointer | None:
        """What the branch has of its own for an artifact; None where it reads main's.

        Raises:
            ArtifactError: It is damaged.
        """
        path = f"{self.own_path(ref)}/{POINTER}"
        text = self.read(path)
        if text is None:
            return None
        try:
            raw = json.loads(text)
            return BranchPointer(str(raw["digest"]), str(raw["base"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                f"{path} is not a branch's pointer, or not as it was written ({error}). Run "
                f"{self._maker(ref)} for it again on the branch."
            ) from error

    def moved_on(self, manifest: Manifest) -> bool:
        """Whether main publishes another version than when the branch's pointer was written."""
        pointer = self.branch_pointer(manifest.ref) if self.branch else None
        return pointer is not None and pointer.base != self._published_on_main(manifest.ref)

    def branch_refs(self, pipeline: str) -> list[Ref]:
        """Artifacts that the branch has pointers of, sorted."""
        base = f"{pipeline}/{BRANCHES}/{self.branch}"
        if self.is_local:
            found = (p.relative_to(self.root / base) for p in (self.root / base).rglob(POINTER))
            paths = [p.as_posix() for p in found]
        else:
            paths = [p for p in self.remote.sizes(base) if PurePosixPath(p).name == POINTER]
        parts = (PurePosixPath(path).parts for path in sorted(paths))
        return [Ref(pipeline, each[0], "/".join(each[1:-1])) for each in parts]

    def own_versions(self, ref: Ref) -> list[Manifest]:
        """Versions of an artifact but for those that other branches made, newest first."""
        mine = {"", self.branch}
        return [m for m in self.versions(ref) if m.made.get(MADE_ON, "") in mine]

    def _published_on_main(self, ref: Ref) -> str:
        try:
            published = ManifestStore.find(self, ref)
        except ArtifactError:
            return ""
        return published.digest if published is not None else ""

    def _adopted(self, manifest: Manifest) -> Manifest:
        if MADE_ON not in manifest.made:
            return manifest
        made = {name: value for name, value in manifest.made.items() if name != MADE_ON}
        adopted = replace(manifest, made=made)
        self.write_own(adopted)
        return adopted
