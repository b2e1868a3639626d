"""The branches of a store: which there are, what each points at, beginning and dropping one.

Promise: a branch is there from its first work until it is dropped, which is one rename; what it alone
    pointed at is removed by housekeeping.
Not here: reading and pointing on one (``branch_store.py``).
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError, TransientError, listed
from pipelines.core.store.branch_store import MADE_ON, POINTER, BranchPointer
from pipelines.core.store.durable import make_names_durable, remove
from pipelines.core.store.locks import held_if_free
from pipelines.core.store.manifest import Manifest, Ref
from pipelines.core.store.root import BRANCHES, LOCK
from pipelines.core.store.store import Store
from pipelines.core.store.walking import Key

RECORD, DROPPED = "branch.json", ".dropped-"


def begin(store: Store, pipeline: str) -> None:
    """Note that the store's branch is there, before its first work; main always is."""
    if not store.branch or is_there(store, pipeline):
        return
    path, text = f"{_base(store, pipeline)}/{RECORD}", json.dumps({"branch": store.branch})
    if not store.is_local:
        store.remote.write(path, text.encode())
        return
    file = store.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = file.with_name(f".{RECORD}-{os.getpid()}")
    staged.write_text(f"{text}\n")
    staged.replace(file)


def is_there(store: Store, pipeline: str) -> bool:
    """Whether the store's branch was begun and not dropped."""
    path = f"{_base(store, pipeline)}/{RECORD}"
    if store.is_local:
        return (store.root / path).exists()
    return store.remote.read(path) is not None


def require_there(store: Store, pipeline: str) -> None:
    """Check that the store's branch is there.

    Raises:
        ConfigError: It is not; names the nearest one.
    """
    if not store.branch or is_there(store, pipeline):
        return
    known = branch_names(store, pipeline)
    hint = nearest(store.branch, known) if known else f"{pipeline} has no branches yet."
    raise ConfigError(
        f"{pipeline} has no branch {store.branch!r} in {store.uri}. {hint} A run with --branch "
        f"{store.branch} begins it."
    )


def branch_names(store: Store, pipeline: str) -> list[str]:
    """Names of a pipeline's branches, sorted."""
    base = f"{pipeline}/{BRANCHES}"
    if store.is_local:
        return sorted(p.parent.name for p in (store.root / base).glob(f"[!.]*/{RECORD}"))
    parts = (PurePosixPath(path).parts for path in store.remote.sizes(base))
    return sorted(each[0] for each in parts if each[1:] == (RECORD,))


def branches_of(store: Store, pipeline: str) -> list[Store]:
    """The store from each of its branches."""
    return [Store(store.uri, name) for name in branch_names(store, pipeline)]


def pointers(store: Store, pipeline: str) -> Iterator[tuple[Ref, BranchPointer]]:
    """What the store's branch has of its own, in the order of names.

    Raises:
        ArtifactError: A pointer is damaged.
    """
    for ref in store.branch_refs(pipeline):
        pointer = store.branch_pointer(ref)
        if pointer is not None:
            yield ref, pointer


def pointed_by_branches(store: Store, pipeline: str) -> set[tuple[Ref, str]]:
    """The artifact and folder of each version that a branch points at.

    Raises:
        ArtifactError: A pointer is damaged, so that what it points at is not known.
    """
    every = (
        each for branch in branches_of(store, pipeline) for each in pointers(branch, pipeline)
    )
    return {(ref, pointer.digest[:16]) for ref, pointer in every}


def workplaces(store: Store, pipeline: str) -> Iterator[Key]:
    """The folders of a local store in which branches make artifacts; they hold no versions."""
    for branch in branches_of(store, pipeline):
        base = store.root / _base(branch, pipeline)
        for at, folders, files in os.walk(base):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            parts = Path(at).relative_to(base).parts
            if len(parts) > 1 and {LOCK, POINTER} & set(files):
                yield Key(Ref(pipeline, parts[0], "/".join(parts[1:])), Path(at), ())


def is_of_dropped(manifest: Manifest | None, names: list[str]) -> bool:
    """Whether a version was made on a branch that is gone, and main never came to it."""
    made_on = manifest.made.get(MADE_ON) if manifest is not None else None
    return made_on is not None and made_on not in names


def drop(store: Store, pipeline: str) -> int:
    """Remove the store's branch; returns how many pointers it had.

    Raises:
        ConfigError: There is no such branch.
        TransientError: A stage is working on it.
    """
    require_there(store, pipeline)
    count = len(store.branch_refs(pipeline))
    if not store.is_local:
        # Its record is what makes it a branch, so it goes last.
        for path in sorted(store.remote.sizes(_base(store, pipeline)), key=RECORD.__eq__):
            store.remote.remove(f"{_base(store, pipeline)}/{path}")
        return count
    require_idle(store, pipeline)
    folder = store.root / _base(store, pipeline)
    gone = folder.with_name(f"{DROPPED}{store.branch}-{os.getpid()}")
    folder.rename(gone)
    make_names_durable(folder.parent)
    remove(gone)
    return count


def require_idle(store: Store, pipeline: str) -> None:
    """Check that no stage works on the store's branch.

    Raises:
        TransientError: One does.
    """
    mine = store.root / _base(store, pipeline)
    own = (key for key in workplaces(store, pipeline) if key.folder.is_relative_to(mine))
    busy = [
        f"{key.ref.dataset}/{key.ref.key}" for key in own if not _is_free(key.folder / LOCK)
    ]
    if busy:
        raise TransientError(
            f"A stage is working on {listed(busy)} of branch {store.branch}. Wait for it to end, or stop "
            f"it, and run this again."
        )


def _is_free(lock: Path) -> bool:
    if not lock.exists():
        return True
    with held_if_free(lock, "r") as free:
        return free


def _base(store: Store, pipeline: str) -> str:
    return f"{pipeline}/{BRANCHES}/{store.branch}"
