"""Removing what nobody reads: replaced versions and what killed processes left.

Why: versions are kept for readers and for going back, and would otherwise fill the disk.
Promise: what anything refers to is never touched (``references.py``); an artifact that is being
    made (its lock is held) is left alone.
"""

from collections.abc import Collection
from pathlib import Path

from pipelines.core.errors import ConfigError
from pipelines.core.store.branch_store import MADE_ON
from pipelines.core.store.branches import (
    DROPPED,
    branch_names,
    pointed_by_branches,
    workplaces,
)
from pipelines.core.store.code_units import FOLDER, drop_units, kept_units
from pipelines.core.store.durable import remove
from pipelines.core.store.integrity import VERIFIED
from pipelines.core.store.locks import held_if_free
from pipelines.core.store.manifest import MANIFEST
from pipelines.core.store.references import Kept, kept_versions, referred
from pipelines.core.store.root import BRANCHES, LOCK, STAGING
from pipelines.core.store.store import Store
from pipelines.core.store.walking import Key, keys_below


def clean(
    store: Store,
    pipeline: str,
    *,
    keep_versions: int,
    left_before_s: float,
    outside: Collection[str] = (),
) -> dict[str, int]:
    """Remove replaced versions and leftovers of one pipeline.

    Args:
        store: A local store. Object stores have lifecycle rules for this.
        pipeline: Declared pipeline.
        keep_versions: Versions to keep beside the published one, newest first.
        left_before_s: Unix time; versions and checkpoints last written before it are removed.
            What a killed process left in staging is removed whatever its age.
        outside: Digests of versions that something outside the store refers to.

    Returns:
        Removed ``versions``, ``leftovers`` and ``bytes``; ``kept``: versions that are old enough
        and were kept because something refers to them.

    Raises:
        ConfigError: The store is not local.
        ArtifactError: A manifest is damaged, so that what it refers to is not known.
    """
    if not store.is_local:
        raise ConfigError(
            f"housekeeping works on a local store, not on {store.uri}. Use the object store's "
            f"lifecycle rules there."
        )
    store = store.main
    removed = {"versions": 0, "leftovers": 0, "bytes": 0, "kept": 0}
    keys = [*keys_below(store, pipeline), *workplaces(store, pipeline)]
    for left in (store.root / pipeline / BRANCHES).glob(f"{DROPPED}*"):
        removed["bytes"] += _remove(left)
        removed["leftovers"] += 1
    for key in keys:
        with held_if_free(key.folder / LOCK, "a") as free:
            if free:
                _clean_leftovers(key, left_before_s, removed)
    on_branches = pointed_by_branches(store, pipeline)
    every = [kept for key in keys for kept in kept_versions(store, key, on_branches)]
    old = _replaced(every, keep_versions, left_before_s, branch_names(store, pipeline))
    needed = referred(store, keys, every, old, outside)
    removed["kept"] = sum(kept.folder in needed for kept in old)
    for kept in old:
        if kept.folder not in needed:
            _remove_version(store, kept, removed)
    _clean_code(store, pipeline, every, left_before_s, removed)
    return removed


def _clean_code(
    store: Store,
    pipeline: str,
    every: list[Kept],
    left_before_s: float,
    removed: dict[str, int],
) -> None:
    """What digests of code stand for that no version has any more."""
    there = [kept.manifest for kept in every if kept.manifest and kept.folder.exists()]
    named = {digest for manifest in there for digest in manifest.code.values()}
    for digest in set(kept_units(store, pipeline)) - named:
        if _last_write(store.root / pipeline / FOLDER / f"{digest}.json") < left_before_s:
            removed["bytes"] += drop_units(store, pipeline, digest)
            removed["leftovers"] += 1


def _clean_leftovers(key: Key, left_before_s: float, removed: dict[str, int]) -> None:
    """What is beside an artifact's versions; the caller holds its lock."""
    unfinished = (v for v in key.versions if not (v / MANIFEST).exists())
    old = [*key.folder.glob(".scratch-*"), *(v for v in unfinished if not _is_pointed_at(v))]
    staged = list(key.folder.glob(f"{STAGING}*"))
    for left in [*staged, *(o for o in old if _last_write(o) < left_before_s)]:
        removed["bytes"] += _remove(left)
        removed["leftovers"] += 1
    _forget_removed(key)


def _forget_removed(key: Key) -> None:
    """Remove the remembered hashes of versions that are gone."""
    names = {f"{VERIFIED}{version.name}" for version in key.versions}
    for record in key.folder.glob(f"{VERIFIED}*"):
        if record.name not in names:
            _remove(record)


def _is_pointed_at(version: Path) -> bool:
    pointer = version.parent / MANIFEST
    return pointer.exists() and version.name in pointer.read_text(errors="replace")


def _replaced(
    every: list[Kept], keep_versions: int, left_before_s: float, branches: Collection[str]
) -> list[Kept]:
    """Versions that are neither published, nor among the newest of main or of their branch, nor young."""
    old, seen = [], dict[tuple[Path, str], int]()
    for kept in sorted(every, key=lambda kept: _last_write(kept.folder), reverse=True):
        if kept.pointed:
            continue
        made_on = str(kept.manifest.made.get(MADE_ON, "")) if kept.manifest else ""
        of = kept.folder.parent, made_on
        nth = seen[of] = seen.get(of, 0) + 1
        wanted = keep_versions if made_on in ("", *branches) else 0
        if nth > wanted and _last_write(kept.folder) < left_before_s:
            old.append(kept)
    return old


def _remove_version(store: Store, kept: Kept, removed: dict[str, int]) -> None:
    with held_if_free(kept.folder.parent / LOCK, "a") as free:
        # Its artifact may have gone back to it meanwhile.
        if not free or store.pointed_at(kept.ref, kept.folder.name) is not None:
            return
        staged = kept.folder.with_name(f"{STAGING}removed-{kept.folder.name}")
        with store.renaming(kept.ref.pipeline):
            if (kept.ref, kept.folder.name) in pointed_by_branches(store, kept.ref.pipeline):
                return
            kept.folder.rename(staged)
        _remove(kept.folder.with_name(f"{VERIFIED}{kept.folder.name}"))
        removed["bytes"] += _remove(staged)
        removed["versions"] += 1


def _last_write(path: Path) -> float:
    paths = [path, *(path.rglob("*") if path.is_dir() else ())]
    return max(p.stat().st_mtime for p in paths)


def _remove(path: Path) -> int:
    size = sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())
    remove(path)
    return size
