"""What is published in a store: pipelines, datasets, keys and versions, by name.

Why: a reader must be able to look around in a store without its pipelines' declarations.
Promise: only names and manifests are read; an unknown name is refused with the nearest known one, so
    no name that a caller passes is ever taken for a path.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipelines.api.opening import text
from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.core.store import Manifest, Ref, Store
from pipelines.core.store.manifest import MANIFEST


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """One version of one artifact.

    Attributes:
        dataset: Dataset it belongs to.
        key: ``ds=YYYY-MM-DD``, ``as_of=YYYY-MM-DD`` or ``as_of=YYYY-MM-DD/seed=N``.
        digest: Names the work that made it: 64 hexadecimal digits.
        content: Names its bytes: 64 hexadecimal digits.
        stage: Stage that made it.
        published: Whether readers see it; older versions are kept until housekeeping.
        rows: Rows that the stage counted.
        verdict: ``accepted`` or ``refused`` of a partition, BETTER, NOT_BETTER or REJECTED of a model; else empty.
        uri: Where its files are.
    """

    dataset: str
    key: str
    digest: str
    content: str
    stage: str
    published: bool
    rows: int
    verdict: str
    uri: str


def published_pipelines(store: Store) -> list[str]:
    """Pipelines that have something published, sorted."""
    return _published(store, "", "*/*/**/")


def published_datasets(store: Store, pipeline: str) -> list[str]:
    """Datasets of a pipeline that have something published, sorted.

    Raises:
        ConfigError: The store has nothing of that pipeline.
    """
    _require(
        pipeline, published_pipelines(store), f"{store.uri}: nothing is published of pipeline"
    )
    return _published(store, pipeline, "*/**/")


def published_keys(store: Store, pipeline: str, dataset: str) -> list[str]:
    """Keys of a dataset's published artifacts, sorted.

    Raises:
        ConfigError: The store has nothing of that pipeline or dataset.
    """
    known = published_datasets(store, pipeline)
    _require(
        text(dataset, "The name of a dataset"),
        known,
        f"{store.uri}: {pipeline} has no published dataset",
    )
    # An artifact that is being published is for a moment in a hidden folder beside its key.
    return [key for key in store.keys(pipeline, dataset) if "/." not in f"/{key}"]


def versions_of(store: Store, ref: Ref) -> list[DatasetVersion]:
    """Every kept version of an artifact, newest first."""
    now = store.find(ref)
    return [
        _described(store, each, published=now is not None and each.digest == now.digest)
        for each in store.own_versions(ref)
    ]


def _described(store: Store, manifest: Manifest, *, published: bool) -> DatasetVersion:
    return DatasetVersion(
        dataset=manifest.dataset,
        key=manifest.key,
        digest=manifest.digest,
        content=manifest.content,
        stage=manifest.stage,
        published=published,
        rows=int(manifest.outcome.get("rows", 0)),
        verdict=str(manifest.outcome.get("verdict", "")),
        uri=store.uri_of(manifest),
    )


def _published(store: Store, parent: str, pattern: str) -> list[str]:
    """Folders below ``parent`` in which something is published."""
    if store.is_local:
        folders = (path for path in (store.root / parent).glob("[!.]*") if path.is_dir())
        return sorted(p.name for p in folders if next(p.glob(pattern + MANIFEST), None))
    paths = (PurePosixPath(path) for path in store.remote.sizes(parent))
    depth = pattern.count("*/")
    return sorted({p.parts[0] for p in paths if p.name == MANIFEST and len(p.parts) > depth})


def _require(name: object, known: Iterable[str], what: str) -> None:
    known = list(known)
    if name in known:
        return
    if not known:
        raise ConfigError(
            f"{what} {name!r}: the store holds no artifact. Pass the root of a store, and a pipeline "
            f"that was run there."
        )
    raise ConfigError(f"{what} {name!r}. {nearest(name, known)}")
