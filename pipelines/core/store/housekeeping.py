"""Removing what nobody reads: replaced versions and what killed processes left.

Why: versions are kept for readers and for going back, and would otherwise fill the disk.
Promise: what anything refers to is never touched (``references.py``); an artifact that is being
    made (its lock is held) is left alone.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from pipelines.core.store.references import PUBLISHED, Kept, kept_versions, reasons_to_stay
from pipelines.core.store.root import BRANCHES, LOCK, STAGING
from pipelines.core.store.store import Store
from pipelines.core.store.walking import Key, keys_below


@dataclass(slots=True)
class Cleaned:
    """What housekeeping removed, or would remove.

    Attributes:
        versions: Versions that were removed.
        leftovers: What killed processes left.
        bytes: Bytes of both.
        kept: Versions that are old enough and were kept because something refers to them.
        reasons: Of each version its ``artifact``, ``version``, ``bytes``, whether it was ``kept``, and
            ``why``; in the order of artifacts, newest first.
    """

    versions: int = 0
    leftovers: int = 0
    bytes: int = 0
    kept: int = 0
    reasons: list[dict[str, Any]] = field(default_factory=list)

    def add_leftover(self, size: int) -> None:
        """Count something that a killed process left."""
        self.leftovers += 1
        self.bytes += size


@dataclass(frozen=True, slots=True, kw_only=True)
class Housekeeping:
    """What to remove.

    Attributes:
        keep_versions: Versions to keep beside the published one, newest first.
        left_before_s: Unix time; versions and checkpoints last written before it are removed.
            What a killed process left in staging is removed whatever its age.
        outside: Digests of versions that something outside the store refers to, and as what.
        depth: How many steps back to keep what a version was made from; None for all.
        dry_run: Whether nothing is removed, only counted.
    """

    keep_versions: int
    left_before_s: float
    outside: Mapping[str, str] = field(default_factory=dict)
    depth: int | None = None
    dry_run: bool = False


def clean(store: Store, pipeline: str, asked: Housekeeping) -> Cleaned:
    """Remove replaced versions and leftovers of one pipeline, and say why each version is kept or removed.

    Args:
        store: A local store. Object stores have lifecycle rules for this.
        pipeline: Declared pipeline.
        asked: What to remove.

    Raises:
        ConfigError: The store is not local.
        ArtifactError: A manifest is damaged, so that what it refers to is not known.
    """
    if not store.is_local:
        raise ConfigError(
            f"housekeeping works on a local store, not on {store.uri}. Use the object store's "
            f"lifecycle rules there."
        )
    store, cleaned = store.main, Cleaned()
    keys = [*keys_below(store, pipeline), *workplaces(store, pipeline)]
    for dropped in (store.root / pipeline / BRANCHES).glob(f"{DROPPED}*"):
        cleaned.add_leftover(_remove(dropped, asked))
    left = {path for key in keys for path in _clean_leftovers(key, asked, cleaned)}
    on_branches = pointed_by_branches(store, pipeline)
    every = [
        kept
        for key in keys
        for kept in kept_versions(store, key, on_branches)
        if kept.folder not in left
    ]
    own = _too_new(every, asked, branch_names(store, pipeline))
    stays = reasons_to_stay(store, keys, every, own, asked.outside, asked.depth)
    cleaned.kept = sum(
        kept.folder in stays and kept.folder not in own and not kept.pointed for kept in every
    )
    for kept in every:
        _keep_or_remove(store, kept, stays.get(kept.folder, ""), asked, cleaned)
    _clean_code(store, pipeline, every, asked, cleaned)
    return cleaned


def _keep_or_remove(
    store: Store, kept: Kept, stays: str, asked: Housekeeping, cleaned: Cleaned
) -> None:
    """Remove a version unless it stays, and note which and why."""
    size = _size(kept.folder)
    why = stays or _remove_version(store, kept, asked)
    cleaned.reasons.append(
        {
            "artifact": kept.ref.path(),
            "version": kept.folder.name,
            "bytes": size,
            "kept": bool(why),
            "why": why or "replaced, and nothing refers to it",
        }
    )
    if not why:
        cleaned.versions += 1
        cleaned.bytes += size


def _clean_code(
    store: Store,
    pipeline: str,
    every: list[Kept],
    asked: Housekeeping,
    cleaned: Cleaned,
) -> None:
    """What digests of code stand for that no version has any more."""
    gone = {each["artifact"] + each["version"] for each in cleaned.reasons if not each["kept"]}
    there = [k for k in every if k.ref.path() + k.folder.name not in gone]
    named = {digest for k in there if k.manifest for digest in k.manifest.code.values()}
    for digest in set(kept_units(store, pipeline)) - named:
        path = store.root / pipeline / FOLDER / f"{digest}.json"
        if _last_write(path) < asked.left_before_s:
            size = path.stat().st_size if asked.dry_run else drop_units(store, pipeline, digest)
            cleaned.add_leftover(size)


def _clean_leftovers(key: Key, asked: Housekeeping, cleaned: Cleaned) -> list[Path]:
    """Remove what is beside an artifact's versions, unless it is being made; returns what that was."""
    with held_if_free(key.folder / LOCK, "a") as free:
        if not free:
            return []
        unfinished = (v for v in key.versions if not (v / MANIFEST).exists())
        old = [
            *key.folder.glob(".scratch-*"),
            *(v for v in unfinished if not _is_pointed_at(v)),
        ]
        staged = list(key.folder.glob(f"{STAGING}*"))
        left = [*staged, *(o for o in old if _last_write(o) < asked.left_before_s)]
        for each in left:
            cleaned.add_leftover(_remove(each, asked))
        if not asked.dry_run:
            _forget_removed(key)
        return left


def _forget_removed(key: Key) -> None:
    """Remove the remembered hashes of versions that are gone."""
    names = {f"{VERIFIED}{version.name}" for version in key.versions}
    for record in key.folder.glob(f"{VERIFIED}*"):
        if record.name not in names:
            remove(record)


def _is_pointed_at(version: Path) -> bool:
    pointer = version.parent / MANIFEST
    return pointer.exists() and version.name in pointer.read_text(errors="replace")


def _too_new(
    every: list[Kept], asked: Housekeeping, branches: Collection[str]
) -> dict[Path, str]:
    """Versions that are among the newest of main or of their branch, or young, and which of these."""
    found, seen = dict[Path, str](), dict[tuple[Path, str], int]()
    for kept in sorted(every, key=lambda kept: _last_write(kept.folder), reverse=True):
        if kept.pointed:
            continue
        made_on = str(kept.manifest.made.get(MADE_ON, "")) if kept.manifest else ""
        of = kept.folder.parent, made_on
        nth = seen[of] = seen.get(of, 0) + 1
        wanted = asked.keep_versions if made_on in ("", *branches) else 0
        if nth <= wanted:
            found[kept.folder] = f"among the newest {wanted} beside the published one"
        elif _last_write(kept.folder) >= asked.left_before_s:
            found[kept.folder] = "was written in the days that are kept"
    return found


def _remove_version(store: Store, kept: Kept, asked: Housekeeping) -> str:
    """Remove a version; returns why not, if it was needed meanwhile."""
    with held_if_free(kept.folder.parent / LOCK, "a") as free:
        if not free:
            return "its artifact is being made"
        if store.pointed_at(kept.ref, kept.folder.name) is not None:
            return PUBLISHED  # its artifact went back to it meanwhile
        if asked.dry_run:
            return ""
        staged = kept.folder.with_name(f"{STAGING}removed-{kept.folder.name}")
        with store.renaming(kept.ref.pipeline):
            if (kept.ref, kept.folder.name) in pointed_by_branches(store, kept.ref.pipeline):
                return PUBLISHED
            kept.folder.rename(staged)
        remove(kept.folder.with_name(f"{VERIFIED}{kept.folder.name}"))
        remove(staged)
    return ""


def _last_write(path: Path) -> float:
    paths = [path, *(path.rglob("*") if path.is_dir() else ())]
    return max(p.stat().st_mtime for p in paths)


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())


def _remove(path: Path, asked: Housekeeping) -> int:
    """The size of something, which is removed unless nothing is to be."""
    size = _size(path)
    if not asked.dry_run:
        remove(path)
    return size
