"""Moving main's pointers to what a branch has.

Why: what was tried beside production becomes production's without being made again.
Promise: everything that can be refused is refused before the first pointer moves. Each pointer moves
    by one replacement, inputs before what was made from them; a kill in between leaves a main whose
    every artifact is whole, and the same call again moves the rest.
Not here: which model is the champion: that is the registry's to say.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.errors import ArtifactError, PermanentError, TransientError, listed
from pipelines.core.store import Store
from pipelines.core.store.branches import require_idle, require_there
from pipelines.core.store.locks import held_if_free
from pipelines.core.store.root import BRANCHES, LOCK
from pipelines.core.store.why import differences
from pipelines.drivers.branches.differences import (
    OUTDATED,
    BranchedArtifact,
    branched_artifacts,
)

STAYS = ("promotions", "scores", "settlements", "monitoring")
"""What belongs to the registry's own history, and to the scores that were really given."""
PROMOTING = "promoting.json"


@dataclass(slots=True)
class PromotedBranch:
    """What promoting a branch came to.

    Attributes:
        moved: Artifacts that main publishes as the branch has them now.
        stayed: Artifacts that no promotion moves.
        settings: Settings, inputs from outside and code that made main's versions other ones.
    """

    moved: list[str] = field(default_factory=list)
    stayed: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """The same as JSON."""
        return {"moved": self.moved, "stayed": self.stayed, "settings": self.settings}


def promote_branch(store: Store, pipeline: str, *, force: bool = False) -> PromotedBranch:
    """Make main publish what the store's branch has of its own.

    Args:
        store: A store of which a branch is opened.
        pipeline: The pipeline.
        force: Whether to move over what main published since.

    Raises:
        ConfigError: There is no such branch.
        PermanentError: Main moved on in a way that the branch did not see.
        ArtifactError: A version of the branch is damaged.
        TransientError: A stage is working on the branch, or on an artifact that would move.
    """
    require_there(store, pipeline)
    require_idle(store, pipeline)
    own = branched_artifacts(store, pipeline)
    moving = [each for each in own if each.ref.dataset not in STAYS]
    if not force:
        _require_current(store, moving)
    _require_whole(store, moving)
    _require_free(store, moving)
    done = PromotedBranch(stayed=[e.ref.path() for e in own if e.ref.dataset in STAYS])
    done.settings = _settings(store, moving)
    _note(store, pipeline, [each.ref.path() for each in moving])
    for each in moving:
        _move(store, each, force=force)
        done.moved.append(each.ref.path())
    for ref in store.branch_refs(pipeline):
        _forget_moved(store, ref)
    _note(store, pipeline, None)
    return done


def is_unfinished(store: Store, pipeline: str) -> bool:
    """Whether a promotion of the store's branch was stopped half-way."""
    return store.read(f"{pipeline}/{BRANCHES}/{store.branch}/{PROMOTING}") is not None


def _require_current(store: Store, moving: Sequence[BranchedArtifact]) -> None:
    outdated = [each for each in moving if each.status == OUTDATED]
    if outdated:
        first = outdated[0]
        raise PermanentError(
            f"Branch {store.branch} is outdated: {listed([e.ref.path() for e in outdated], 3)} "
            f"({first.outdated_by[0]}). Run it again with --branch {store.branch}, what did not change is "
            f"found; look at branch diff; then promote it. --force moves main to the outdated versions."
        )


def _require_whole(store: Store, moving: Sequence[BranchedArtifact]) -> None:
    damaged = [e.ref.path() for e in moving if store.find_whole(e.ref, e.own.digest) is None]
    if damaged:
        raise ArtifactError(
            f"Versions of branch {store.branch} are damaged: {listed(damaged, 3)}. Run their stages again "
            f"with --branch {store.branch}, then promote it."
        )


def _require_free(store: Store, moving: Sequence[BranchedArtifact]) -> None:
    busy = [each.ref.path() for each in moving if not _is_free(store.main, each)]
    if busy:
        raise TransientError(
            f"Main is making {listed(busy, 3)} at this moment. Wait for it to end, and promote the branch "
            f"then."
        )


def _is_free(main: Store, each: BranchedArtifact) -> bool:
    lock = main.workplace(each.ref) / LOCK
    if not lock.exists():
        return True
    with held_if_free(lock, "r") as free:
        return free


def _move(store: Store, each: BranchedArtifact, *, force: bool) -> None:
    """Move one of main's pointers, then remove the branch's, which is needed no more."""
    main, expected = store.main, each.published
    with main.lock(each.ref):
        now = None if force else main.find(each.ref)
        seen = {each.own.digest, expected.digest if expected is not None else ""}
        if not force and (now.digest if now is not None else "") not in seen:
            raise PermanentError(
                f"{each.ref.path()} was published on main while branch {store.branch} was being promoted. "
                f"What was moved before it stays. Run the branch again, and promote it again."
            )
        main.point(each.own)
    store.unpoint(each.ref)


def _forget_moved(store: Store, ref: Any) -> None:
    """Remove a pointer to what main publishes, which a kill may have left."""
    pointer, now = store.branch_pointer(ref), store.main.find(ref)
    if pointer is not None and now is not None and now.digest == pointer.digest:
        store.unpoint(ref)


def _settings(store: Store, moving: Sequence[BranchedArtifact]) -> list[str]:
    """What a declaration, or the code, must say for main to come to the same versions."""
    found = (
        text
        for each in moving
        if each.published is not None
        for text in differences(each.published, each.own, store)
        if text.startswith(("config ", "code "))
    )
    return [*dict.fromkeys(found)]


def _note(store: Store, pipeline: str, moving: list[str] | None) -> None:
    """Note in the branch what is being moved; nothing once it is."""
    path = f"{pipeline}/{BRANCHES}/{store.branch}/{PROMOTING}"
    if not store.is_local:
        if moving is None:
            store.remote.remove(path)
        else:
            store.remote.write(path, json.dumps(moving).encode())
        return
    file = store.root / path
    if moving is None:
        file.unlink(missing_ok=True)
        return
    staged = file.with_name(f".{PROMOTING}")
    staged.write_text(json.dumps(moving))
    staged.replace(file)
