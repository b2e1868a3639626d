"""Erasing an entity: rows are rewritten, what was made of them is removed, and what is left is said.

Why: ingest's rows may be the only copy, so they are written again without the entity; everything else follows
    from them, and the next run makes it again.
Promise: the list of erased keys, with what is to be done, is written first: from then on no delivery brings the
    rows back, and a kill at any point leaves work that the same call finishes. A partition's new version
    is what ingest would publish of a source without these rows.
Not here: finding what holds the entity (``holdings.py``).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.core.errors import (
    ConfigError,
    InputMissingError,
    PartitionRefusedError,
    TransientError,
    listed,
)
from pipelines.core.events import Reporter
from pipelines.core.store import Ref, Store
from pipelines.core.store.branches import branches_of, workplaces
from pipelines.core.store.durable import make_names_durable, remove
from pipelines.core.store.erased_keys import ErasedKeys
from pipelines.core.store.integrity import VERIFIED
from pipelines.core.store.locks import held_if_free
from pipelines.core.store.manifest import MANIFEST
from pipelines.core.store.root import LOCK, STAGING
from pipelines.core.store.walking import keys_below
from pipelines.drivers.erasure.holdings import (
    Sought,
    holdings,
    holds,
    made_of,
    name_of,
    ref_named,
    table_of,
)
from pipelines.drivers.erasure.rewriting import rewritten
from pipelines.protocol import VALIDATED, Work, perform, stage_of

MODELS, INGESTED, SPLITS = "models", "ingested", "splits"
SCRATCH = ".scratch-"
WITH_ROWS = (".parquet", ".npy", ".npz", ".arrow")
OUTSIDE = (
    "the source: its files or database still have the entity; what is delivered from now on is left out",
    "backups and copies of the store, and files that a notebook or a program saved",
    "the weights of models, and their golden rows here and in MLflow: models that were fitted to it are "
    "listed; make another as-of day's, promote it, and delete the old version and its run",
)


@dataclass(slots=True)
class Erasure:
    """What an erasure did, or would do.

    Attributes:
        rewritten: Partitions that are published without the entity's rows.
        removed: Versions that were removed; what is needed of them the next run makes again.
        models: Versions of models that were trained on the entity's rows.
        refused: Partitions that are refused without them, and why.
        left: What no erasure can reach.
    """

    rewritten: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    left: tuple[str, ...] = OUTSIDE

    def as_json(self) -> dict[str, Any]:
        """The same as JSON knows it."""
        return asdict(self) | {"left": list(self.left)}


def erase(store: Store, wanted: Sought, report: Reporter, *, dry_run: bool = False) -> Erasure:
    """Erase an entity from what is published of a pipeline.

    Args:
        store: A local store.
        wanted: The entity.
        report: Where progress goes.
        dry_run: Whether only to say what would be done.

    Raises:
        ConfigError: The store is not local.
        TransientError: A stage is working on the pipeline.
    """
    pipeline, store = wanted.pipeline.name, store.main
    _require_free(store, pipeline)
    keys = ErasedKeys.of(store, pipeline)
    names = sorted({*holdings(store, wanted), *keys.pending})
    if not dry_run:
        keys = keys.begun(wanted.entity.name, wanted.key, names)
        keys.write(store, pipeline)
    done = Erasure()
    for at, name in enumerate(_in_order(names, wanted), 1):
        _renew(store, wanted, ref_named(pipeline, name), done, dry_run=dry_run)
        report.progress(at, len(names), "artifacts")
    _remove_made(store, wanted, set(names), done, dry_run=dry_run)
    if not dry_run:
        _remove_unfinished(store, pipeline)
        replace(keys, pending=()).write(store, pipeline)
    return done


def _require_free(store: Store, pipeline: str) -> None:
    if not store.is_local:
        raise ConfigError(
            f"forget works on a local store, not on {store.uri}. Run it where the store's files are."
        )
    keys = (*keys_below(store, pipeline), *workplaces(store, pipeline))
    busy = [name_of(key.ref) for key in keys if not _is_free(key.folder)]
    if busy:
        raise TransientError(
            f"forget {pipeline}: a stage is working on {listed(busy)}. Pause the pipeline's DAGs, wait for "
            f"it to end, and run it again."
        )


def _is_free(folder: Path) -> bool:
    if not (folder / LOCK).exists():
        return True
    with held_if_free(folder / LOCK, "r") as free:
        return free


def _in_order(names: Iterable[str], wanted: Sought) -> list[str]:
    """Splits, then ingested and validated partitions; derived tables after those that they derive from."""
    pipeline = wanted.pipeline
    derived = {t.name for t in pipeline.tables if t.derived_from}
    # The gate of other tables may read static ones.
    static = {t.name for t in pipeline.tables if t.event_time is None}
    order = (SPLITS, INGESTED, VALIDATED)

    def turn(name: str) -> tuple[bool, int, bool, str]:
        ref = ref_named(pipeline.name, name)
        table = table_of(ref, pipeline)
        return table in derived, order.index(ref.dataset), table not in static, name

    return sorted(names, key=turn)


def _renew(store: Store, wanted: Sought, ref: Ref, done: Erasure, *, dry_run: bool) -> None:
    """Publish a version without the entity, and remove every other."""
    kept = ""
    if store.find(ref) is not None and ref.dataset != SPLITS:
        done.rewritten.append(name_of(ref))
        kept = "" if dry_run else _published(store, wanted, ref, done)
    for version in _versions(store, ref):
        if version != kept:
            _remove(store, ref, version, done, dry_run=dry_run)


def _published(store: Store, wanted: Sought, ref: Ref, done: Erasure) -> str:
    """The version that was published without the entity; empty where none could be."""
    try:
        _publish(store, wanted, ref)
    except (PartitionRefusedError, InputMissingError) as error:
        done.refused.append(f"{name_of(ref)}: {error}")
    now = store.find(ref)
    if now is None or holds(store.version_folder(ref, now.digest), wanted):
        return ""
    return now.version


def _publish(store: Store, wanted: Sought, ref: Ref) -> None:
    work = _work(store, wanted, ref)
    if ref.dataset == INGESTED and not work.pipeline.table.derived_from:
        rewritten(work, ref, wanted)
    else:
        perform(stage_of(ref.dataset), work)


def _work(store: Store, wanted: Sought, ref: Ref) -> Work:
    partition = ref.key.rpartition("ds=")[2]
    work = Work(
        pipeline=wanted.pipeline,
        store=store,
        report=Reporter(f"forget {name_of(ref)}", sink=lambda event: None),
        history_from=wanted.pipeline.schedule.start,
    )
    return work.of_table(table_of(ref, wanted.pipeline), partition)


def _versions(store: Store, ref: Ref) -> list[str]:
    return [
        v.name for key in keys_below(store, ref.path()) for v in key.versions if key.ref == ref
    ]


def _remove_made(
    store: Store, wanted: Sought, names: set[str], done: Erasure, *, dry_run: bool
) -> None:
    """Remove rows that were made of the entity's, and name the models that were."""
    for manifest in made_of(store, wanted.pipeline.name, names):
        ref, version = manifest.ref, manifest.version
        if ref.dataset == MODELS:
            done.models.append(f"{name_of(ref)} version {version}")
        elif any(Path(name).suffix in WITH_ROWS for name in manifest.recorded):
            _remove(store, ref, version, done, dry_run=dry_run)


def _remove_unfinished(store: Store, pipeline: str) -> None:
    """Remove what killed processes left, and checkpoints: any of them may have rows."""
    for key in keys_below(store, pipeline):
        with store.lock(key.ref):
            for left in (*key.folder.glob(f"{STAGING}*"), *key.folder.glob(f"{SCRATCH}*")):
                remove(left)
    for key in workplaces(store, pipeline):
        for left in (*key.folder.glob(f"{STAGING}*"), *key.folder.glob(f"{SCRATCH}*")):
            remove(left)


def _remove(store: Store, ref: Ref, version: str, done: Erasure, *, dry_run: bool) -> None:
    done.removed.append(f"{name_of(ref)} version {version}")
    if dry_run:
        return
    for branch in branches_of(store, ref.pipeline):
        pointer = branch.branch_pointer(ref)
        if pointer is not None and pointer.digest[:16] == version:
            branch.unpoint(ref)
    with store.lock(ref):
        folder = store.folder(ref)
        if store.pointed_at(ref, version) is not None:
            (folder / MANIFEST).unlink()
            make_names_durable(folder)
        if (folder / version).exists():
            staged = folder / f"{STAGING}removed-{version}"
            (folder / version).rename(staged)
            remove(staged)
        (folder / f"{VERIFIED}{version}").unlink(missing_ok=True)
