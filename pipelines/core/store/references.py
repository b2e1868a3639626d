"""Which versions something refers to: other versions, a running stage, an open question, the outside.

Why: a version that was replaced may be the champion, may be what another artifact was made from, or
    may be read at this moment; removing it breaks what refers to it.
Promise: a version is either kept with everything that it was made from, step by step (as far back as
    is asked), or not referred to at all. The evaluations of a registered model, with their cards, are
    kept with it. Inputs are matched by digest, by content, and by the hash of a single file.
Not here: what a registry refers to (``pipelines/shared/registry/``), removing (``housekeeping.py``).
"""

import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
MODEL = "model"  # an evaluation's name for the model that it evaluated
PUBLISHED = "published"
# A settlement that was made anew stands beside the one that it replaced.
SETTLEMENTS = "settlements"


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

    @property
    def title(self) -> str:
        """Its name for people: the artifact below its pipeline, and the version."""
        return f"{self.ref.dataset}/{self.ref.key} {self.folder.name}"

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


def reasons_to_stay(
    store: Store,
    keys: Iterable[Key],
    every: Sequence[Kept],
    own: Mapping[Path, str],
    outside: Mapping[str, str],
    depth: int | None = None,
) -> dict[Path, str]:
    """Why each version that stays does: the folders of the others are not in it.

    Args:
        store: Where they are.
        keys: Every artifact, whose lock says what a running stage reads.
        every: Every version.
        own: Folders that stay for a reason of their own: published, young or among the newest.
        outside: Digests, or the 16 digits that name a folder, that are referred to from elsewhere,
            and as what.
        depth: How many steps back to keep what a version was made from; None for all.
    """
    by_name, left = _by_name(every), _of_living_branches(store, every)
    named = _named_by(outside)
    found = dict[Path, str]()
    for reasons in (
        _all_of(filter(_is_pointed, every), PUBLISHED),
        _named(by_name, named),
        _evaluations_of(left, _names_of(by_name, named)),
        _all_of(_awaiting_an_answer(left), "waits to be promoted"),
        _all_of(filter(_is_promotion, left), "a promotion"),
        _all_of(filter(_is_settlement, left), "of the ledger of settlements"),
        _named(by_name, _named_by(_read_by_running(keys))),
        own,
    ):
        found = {**reasons, **found}
    return found | _made_from(every, by_name, found, depth)


def _all_of(versions: Iterable[Kept], why: str) -> dict[Path, str]:
    return {kept.folder: why for kept in versions}


def _is_pointed(kept: Kept) -> bool:
    return kept.pointed


def _is_settlement(kept: Kept) -> bool:
    return kept.ref.dataset == SETTLEMENTS


def _is_promotion(kept: Kept) -> bool:
    return kept.ref.dataset == PROMOTIONS


def _of_living_branches(store: Store, every: Sequence[Kept]) -> list[Kept]:
    """The versions that are not of a dropped branch: nobody waits for one, and its registered model is gone."""
    branches = branch_names(store, every[0].ref.pipeline) if every else []
    return [kept for kept in every if not is_of_dropped(kept.manifest, branches)]


def _made_from(
    every: Sequence[Kept],
    by_name: Mapping[str, Sequence[Kept]],
    found: Mapping[Path, str],
    depth: int | None,
) -> dict[Path, str]:
    """What these were made from, step by step."""
    reached = dict[Path, str]()
    new, steps = [kept for kept in every if kept.folder in found], itertools.count()
    while new and (depth is None or next(steps) < depth):
        seen, earlier = found.keys() | reached.keys(), new
        new = []
        for source, why in _sources(earlier, by_name):
            if source.folder not in seen and source.folder not in reached:
                reached[source.folder] = why
                new.append(source)
    return reached


def _sources(
    versions: Iterable[Kept], by_name: Mapping[str, Sequence[Kept]]
) -> Iterator[tuple[Kept, str]]:
    """What each version was made from, and that it was."""
    for kept in versions:
        for name in _named_by(dict.fromkeys(kept.inputs(), "")):
            for source in by_name.get(name, ()):
                yield source, f"made {kept.title}"


def _by_name(every: Sequence[Kept]) -> dict[str, list[Kept]]:
    """The versions by everything that another manifest may call them."""
    found = dict[str, list[Kept]]()
    for kept in every:
        for name in kept.names():
            found.setdefault(name, []).append(kept)
    return found


def _named(by_name: Mapping[str, Sequence[Kept]], names: Mapping[str, str]) -> dict[Path, str]:
    """The reason of each version that has one of the names."""
    return {kept.folder: why for name, why in names.items() for kept in by_name.get(name, ())}


def _names_of(
    by_name: Mapping[str, Sequence[Kept]], names: Mapping[str, str]
) -> dict[str, str]:
    """Every name of the versions that have one of the names."""
    held = [(kept, why) for name, why in names.items() for kept in by_name.get(name, ())]
    return {name: why for kept, why in held for name in kept.names()}


def _evaluations_of(every: Sequence[Kept], models: Mapping[str, str]) -> dict[Path, str]:
    """The evaluations of these models, with their cards."""
    found = dict[Path, str]()
    for kept in every:
        if kept.ref.dataset == EVALUATIONS and kept.manifest is not None:
            why = models.get(kept.manifest.inputs.get(MODEL, ""))
            found |= {kept.folder: f"evaluated {why}"} if why else {}
    return found


def _named_by(digests: Mapping[str, str]) -> dict[str, str]:
    """The digests, and the folders that they name."""
    return {name: why for digest, why in digests.items() for name in (digest, digest[:16])}


def _awaiting_an_answer(every: Sequence[Kept]) -> Iterator[Kept]:
    """Evaluations that ask for a promotion which was not made yet: a person may be asked."""
    promoted = {d for kept in every if kept.ref.dataset == PROMOTIONS for d in kept.inputs()}
    for kept in every:
        asked = kept.manifest if kept.ref.dataset == EVALUATIONS else None
        asks = asked is not None and asked.outcome.get("verdict") == BETTER
        if asked is not None and asks and asked.content not in promoted:
            yield kept


def _read_by_running(keys: Iterable[Key]) -> dict[str, str]:
    """Digests that stages at work on these artifacts read."""
    return {
        digest: f"is read to make {key.ref.path()}"
        for key in keys
        for digest in _read_to_make(key)
    }


def _read_to_make(key: Key) -> list[str]:
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
