"""Which versions something refers to: other versions, a running stage, an open question, the outside.

Why: a version that was replaced may be the champion, may be what another artifact was made from, or
    may be read at this moment; removing it breaks what refers to it.
Promise: a version is either kept with everything that it was made from, step by step, or not referred
    to at all. Inputs are matched by digest, by content, and by the hash of a single file.
Not here: what a registry refers to (``pipelines/shared/registry/``), removing (``housekeeping.py``).
"""

import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import ArtifactError
from pipelines.core.store.branches import branch_names, is_of_dropped
from pipelines.core.store.locks import held_if_free
from pipelines.core.store.manifest import Manifest, Ref
from pipelines.core.store.root import LOCK
from pipelines.core.store.store import Store
from pipelines.core.store.walking import Key

# A promotion stands for a registered model, even where its registry was lost.
PROMOTIONS, EVALUATIONS, BETTER = "promotions", "evaluations", "BETTER"


@dataclass(frozen=True, slots=True)
class Kept:
    """One version that is in the store.

    Attributes:
        ref: Its artifact.
        folder: Its files.
        manifest: What it is; None where its manifest is damaged, so that nothing can be read of it.
        pointed: Whether it is the published version.
    """

    ref: Ref
    folder: Path
    manifest: Manifest | None
    pointed: bool

    def names(self) -> set[str]:
        """Everything that another manifest may call it by."""
        if self.manifest is None:
            return {self.folder.name}
        hashes = (str(facts["sha256"]) for facts in self.manifest.files.values())
        return {self.folder.name, self.manifest.digest, self.manifest.content, *hashes}

    def inputs(self) -> set[str]:
        """Digests of what it was made from."""
        return set() if self.manifest is None else set(self.manifest.inputs.values())


def kept_versions(
    store: Store, key: Key, on_branches: Collection[tuple[Ref, str]] = ()
) -> Iterator[Kept]:
    """The versions of one artifact.

    Args:
        store: Where it is.
        key: The artifact.
        on_branches: What branches point at, as ``pointed_by_branches`` returns it.

    Raises:
        ArtifactError: Its published manifest is damaged.
        ConfigError: A later version of Millrace wrote one of its manifests.
    """
    pointer = store.find(key.ref)
    for folder in key.versions:
        pointed = pointer is not None and pointer.version == folder.name
        try:
            manifest = pointer if pointed else store.find_version(key.ref, folder.name)
        except ArtifactError:
            manifest = None
        pointed = pointed or (key.ref, folder.name) in on_branches
        yield Kept(key.ref, folder, manifest, pointed)


def referred(
    store: Store,
    keys: Iterable[Key],
    every: Sequence[Kept],
    replaced: Sequence[Kept],
    outside: Collection[str],
) -> set[Path]:
    """Folders of the replaced versions that something refers to.

    Args:
        store: Where they are.
        keys: Every artifact, whose lock says what a running stage reads.
        every: Every version.
        replaced: Those of them that would be removed.
        outside: Digests, or the 16 digits that name a folder, that are referred to from elsewhere.
    """
    may_go = {kept.folder for kept in replaced}
    running = (digest for key in keys for digest in _read_by_running(store, key))
    left = _without_dropped(store, every)
    roots = set(_awaiting_an_answer(left)) | {k.folder for k in every if k.folder not in may_go}
    roots |= {kept.folder for kept in left if kept.ref.dataset == PROMOTIONS}
    return may_go & _reached(every, roots, _named_by([*outside, *running]))


def _without_dropped(store: Store, every: Sequence[Kept]) -> list[Kept]:
    """The versions that main made or a branch that is there.

    Nobody waits for a branch that was dropped, and its registered model is gone.
    """
    branches = branch_names(store, every[0].ref.pipeline) if every else []
    return [kept for kept in every if not is_of_dropped(kept.manifest, branches)]


def _reached(every: Sequence[Kept], roots: Collection[Path], wanted: set[str]) -> set[Path]:
    """The roots, what has a wanted name, and step by step what these were made from."""
    found: set[Path] = set()
    new = [kept for kept in every if kept.folder in roots]
    while new:
        found |= {kept.folder for kept in new}
        wanted |= _named_by(itertools.chain.from_iterable(kept.inputs() for kept in new))
        left = (kept for kept in every if kept.folder not in found)
        new = [kept for kept in left if not wanted.isdisjoint(kept.names())]
    return found


def _named_by(digests: Iterable[str]) -> set[str]:
    """The digests, and the folders that they name."""
    return {name for digest in digests for name in (digest, digest[:16])}


def _awaiting_an_answer(every: Sequence[Kept]) -> Iterator[Path]:
    """Evaluations that ask for a promotion which was not made yet: a person may be asked."""
    promoted = {d for kept in every if kept.ref.dataset == PROMOTIONS for d in kept.inputs()}
    for kept in every:
        asked = kept.manifest if kept.ref.dataset == EVALUATIONS else None
        asks = asked is not None and asked.outcome.get("verdict") == BETTER
        if asked is not None and asks and asked.content not in promoted:
            yield kept.folder


def _read_by_running(store: Store, key: Key) -> list[str]:
    """Digests that a stage which is at work on an artifact reads."""
    path = key.folder / LOCK
    if not path.exists():
        return []
    with held_if_free(path, "a") as free:
        return [] if free else _recorded_in(path)


def _recorded_in(lock: Path) -> list[str]:
    try:
        return [str(digest) for digest in json.loads(lock.read_text()).values()]
    except (ValueError, AttributeError):
        return []  # its stage is just looking up what it reads
