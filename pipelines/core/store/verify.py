"""Reading a whole store back: what is damaged, and what brings it back.

Why: a disk loses bits in silence; damage should be found while there is still a copy.
Promise: every recorded file is read, whatever was remembered of it; an artifact that is being made
    is left out and said so. Repairing only writes manifests, from one that is whole, and uploads
    files of this machine's cache; files are made again by the next run of their stage.
Not here: checking before use (``integrity.py``), making again (``pipelines/protocol/perform.py``).
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.core.errors import ArtifactError, ConfigError
from pipelines.core.store.branch_store import MADE_ON, POINTER
from pipelines.core.store.branches import branches_of
from pipelines.core.store.code_units import FOLDER, drop_units, kept_units, read_units
from pipelines.core.store.integrity import damage_of
from pipelines.core.store.locks import held_if_free
from pipelines.core.store.manifest import MANIFEST, Manifest, Ref
from pipelines.core.store.root import LOCK
from pipelines.core.store.store import Store
from pipelines.core.store.verified_store import VerifiedStore
from pipelines.core.store.walking import all_versions

NAME = re.compile(r"\w+")

OnKey = Callable[[int, int], None]


def verify(
    store: Store,
    pipeline: str | None = None,
    *,
    repair: bool = False,
    on_key: OnKey | None = None,
) -> VerifiedStore:
    """Read every version of a pipeline, or of all, back and compare it with its manifest.

    Args:
        store: The store, local or not.
        pipeline: Declared pipeline; None for every one that the store has.
        repair: Mend manifests, and have damaged versions made again by the next run.
        on_key: Called after each artifact with how many of how many are done.

    Raises:
        ConfigError: A later version of Millrace wrote one of the manifests, or there is none.
    """
    if pipeline is not None and not NAME.fullmatch(pipeline):
        raise ConfigError(f"{pipeline!r} is not the name of a pipeline: letters, digits and _.")
    store = (
        store.main
    )  # branches' versions lie among main's, and their pointers are looked at too
    found, keys = VerifiedStore(), list(all_versions(store, pipeline))
    if not keys:
        raise ConfigError(
            f"{store.uri} holds no artifact{f' of {pipeline}' if pipeline else ''}. Pass the root of a "
            f"store as --store, and a pipeline that was run there."
        )
    for name in sorted({ref.pipeline for ref, _ in keys}):
        _verify_code(store, name, found, repair=repair)
        _verify_branches(store, name, found)
    for done, (ref, versions) in enumerate(keys, 1):
        with _unless_busy(store, ref) as free:
            if free:
                _verify_key(store, ref, versions, found, repair=repair)
            else:
                found.busy.append(ref.path())
        if on_key is not None:
            on_key(done, len(keys))
    return found


def _verify_code(store: Store, pipeline: str, found: VerifiedStore, *, repair: bool) -> None:
    """Compare what digests of code stand for with the digests; a damaged file is of no use to anybody."""
    for digest in kept_units(store, pipeline):
        found.files += 1
        if read_units(store, pipeline, digest) is not None:
            continue
        if repair:
            drop_units(store, pipeline, digest)
        entry = {
            "artifact": f"{pipeline}/{FOLDER}/{digest}.json",
            "version": digest,
            "published": False,
            "stage": "",
            "files": {f"{digest}.json": "does not give the digest that it is named by"},
            "remedy": "Every result stands; why cannot say which functions changed. Remove it with "
            "--repair: it is written again with the next version of that code.",
        }
        (found.repaired if repair else found.damaged).append(entry)


@contextmanager
def _unless_busy(store: Store, ref: Ref) -> Iterator[bool]:
    """Keep the artifact from being made meanwhile; a store that may only be read is read all the same."""
    path = store.folder(ref) / LOCK
    if not path.exists():
        yield True
        return
    with held_if_free(path, "r") as free:
        yield free


def _verify_key(
    store: Store, ref: Ref, names: list[str], found: VerifiedStore, *, repair: bool
) -> None:
    pointer, why = _published(store, ref)
    if not (names or pointer or (store.folder(ref) / MANIFEST).exists()):
        return  # its stage failed or was killed before it had published anything
    found.artifacts += 1
    intact = _verify_versions(store, ref, names, pointer, found, repair=repair)
    if why and not _only_on_branches(store, ref, intact, names):
        mended = repair and len(names) == 1 and _point_at_only(store, intact)
        entry = _entry(ref, "", None, next(iter(intact), None), {MANIFEST: why})
        found.add(entry, mended=mended)


def _only_on_branches(
    store: Store, ref: Ref, intact: Sequence[Manifest], names: Sequence[str]
) -> bool:
    """Whether main never published the artifact, and every version of it is a branch's."""
    of_branches = all(MADE_ON in manifest.made for manifest in intact)
    return (
        store.read(f"{ref.path()}/{MANIFEST}") is None
        and of_branches
        and len(intact) == len(names)
    )


def _verify_branches(store: Store, pipeline: str, found: VerifiedStore) -> None:
    """Look whether what branches point at is there; a branch's own versions are read with main's."""
    for branch in branches_of(store, pipeline):
        for ref in branch.branch_refs(pipeline):
            found.files += 1
            try:
                branch.find(ref)
            except ArtifactError as error:
                entry = _entry(
                    ref, "", None, None, {f"{branch.own_path(ref)}/{POINTER}": str(error)}
                )
                found.damaged.append(
                    entry | {"remedy": f"Run its stage with --branch {branch.branch}."}
                )


def _verify_versions(
    store: Store,
    ref: Ref,
    names: list[str],
    pointer: Manifest | None,
    found: VerifiedStore,
    *,
    repair: bool,
) -> list[Manifest]:
    """Read every version of an artifact back; the manifests of those that are whole."""
    intact = list[Manifest]()
    for name in sorted({*names, pointer.version} if pointer else names):
        found.versions += 1
        manifest, problems = _verify_version(store, ref, name, pointer, found)
        if problems:
            mended = repair and _mend(store, manifest, problems)
            found.add(_entry(ref, name, pointer, manifest, problems), mended=mended)
        elif manifest is not None:
            intact.append(manifest)
    return intact


def _point_at_only(store: Store, intact: Sequence[Manifest]) -> bool:
    """Point an artifact at its version again, where there is one alone."""
    if len(intact) != 1:
        return False
    store.point(intact[0])
    return True


def _published(store: Store, ref: Ref) -> tuple[Manifest | None, str]:
    try:
        pointer = store.find(ref)
    except ArtifactError as error:
        return None, str(error)
    return pointer, "" if pointer else "is missing, so no version is published"


def _verify_version(
    store: Store, ref: Ref, name: str, pointer: Manifest | None, found: VerifiedStore
) -> tuple[Manifest | None, dict[str, str]]:
    """A version's manifest, as far as it can be read, and what is wrong with it."""
    own, why = _own_manifest(store, ref, name)
    pointed = pointer is not None and pointer.version == name
    manifest = pointer if own is None and pointed else own
    if manifest is None:
        return None, {MANIFEST: why}
    found.files += len(manifest.recorded)
    found.bytes += sum(int(facts["bytes"]) for facts in manifest.recorded.values())
    if not manifest.volatile_files:
        found.unrecorded += _unrecorded(store, manifest)
    problems = {MANIFEST: why} if why else {}
    return manifest, problems | _read_back(store, manifest)


def _own_manifest(store: Store, ref: Ref, name: str) -> tuple[Manifest | None, str]:
    try:
        own = store.own_manifest(ref, name)
    except ArtifactError as error:
        return None, str(error)
    return own, "" if own else "is missing"


def _read_back(store: Store, manifest: Manifest) -> dict[str, str]:
    if store.is_local:
        own = store.folder(manifest.ref) / manifest.version
        return damage_of(own, manifest, afresh=True, pages=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / manifest.version
        store.remote.download(f"{manifest.ref.path()}/{manifest.version}", copy)
        return damage_of(copy, manifest, afresh=True, pages=True)


def _unrecorded(store: Store, manifest: Manifest) -> int:
    if store.is_local:
        folder = store.folder(manifest.ref) / manifest.version
        names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    else:
        names = set(store.remote.sizes(f"{manifest.ref.path()}/{manifest.version}"))
    return len(names - set(manifest.files) - {MANIFEST})


def _mend(store: Store, manifest: Manifest | None, problems: dict[str, str]) -> bool:
    """Mend a version from what is whole; else have it made again at its next use."""
    if manifest is not None and set(problems) == {MANIFEST}:
        store.write_own(manifest)
        return True
    if store.is_local or manifest is None or not _keeps_readers(problems, manifest):
        return False  # its files are compared again before they are used
    cached = store.folder(manifest.ref) / manifest.version
    prefix = f"{manifest.ref.path()}/{manifest.version}"
    if cached.is_dir() and not damage_of(cached, manifest, afresh=True, pages=True):
        store.remote.upload(cached, prefix)
        store.write_own(manifest)
        return True
    store.remote.remove(f"{prefix}/{MANIFEST}")
    return False


def _keeps_readers(problems: dict[str, str], manifest: Manifest) -> bool:
    """Whether more is damaged than pages for people."""
    return any(name == MANIFEST or name in manifest.needed for name in problems)


def _entry(
    ref: Ref,
    version: str,
    pointer: Manifest | None,
    manifest: Manifest | None,
    problems: dict[str, str],
) -> dict[str, Any]:
    published = not version or (pointer is not None and pointer.version == version)
    stage = manifest.stage if manifest is not None else ""
    run = f"Run {stage or f'the stage that publishes {ref.dataset}'} for it again."
    if manifest is not None and not _keeps_readers(problems, manifest):
        run = "Its result stands. Run pages for it: they are made again from the other files."
    kept = (
        "It is not the published version: its stage makes it again where it comes back to the same "
        "settings, inputs and code; housekeeping removes it if nothing refers to it."
    )
    return {
        "artifact": ref.path(),
        "version": version,
        "published": published,
        "stage": stage,
        "files": problems,
        "remedy": run if published else kept,
    }
