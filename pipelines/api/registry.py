"""The model registry: listing versions, promoting one, and going back.

Why: promoting by hand and rolling back are one call each, with the audit trail of the ``promote`` stage.
Promise: no version becomes the champion whose files are missing or damaged.
"""

from os import PathLike
from typing import TYPE_CHECKING, Any

from pipelines.api.opening import PipelineHandle, opened
from pipelines.api.registered import version_number
from pipelines.api.store import PublishedStore, open_store
from pipelines.core.store import Store
from pipelines.core.store.branches import require_there

if TYPE_CHECKING:
    from pipelines.stages.promote.champion import Registry

AnyStore = str | PathLike[str] | PublishedStore
AnyPipeline = str | PipelineHandle


def models(
    pipeline: AnyPipeline, store: AnyStore, *, mlflow_uri: str | None = None
) -> list[dict[str, Any]]:
    """Registered versions of a pipeline's model, newest first.

    Returns:
        Of each ``version``, ``champion``, ``as_of``, ``seed``, ``verdict``, ``fate``,
        ``rolled_back``, ``digest`` and ``source``.

    Raises:
        ConfigError: No such pipeline, or a store that cannot hold a registry.
        TransientError: The registry is locked, or its server cannot be reached.
    """
    return _registry(pipeline, store, mlflow_uri).versions()


def promote(
    pipeline: AnyPipeline, store: AnyStore, version: int, *, mlflow_uri: str | None = None
) -> None:
    """Make a registered version the champion, whatever its verdict.

    Raises:
        ConfigError: No such pipeline or version; says which there are.
        ArtifactError: The version's files are missing or damaged.
        TransientError: The registry is locked, or its server cannot be reached.
    """
    registry = _registry(pipeline, store, mlflow_uri)
    number = version_number(version)
    _require_files(registry, open_store(store).artifacts, number)
    registry.promote(number)


def rollback(pipeline: AnyPipeline, store: AnyStore, *, mlflow_uri: str | None = None) -> int:
    """Make the previous champion the champion again, and return its version number.

    Raises:
        ConfigError: No such pipeline, or no earlier champion.
        ArtifactError: The earlier champion's files are missing or damaged.
        TransientError: The registry is locked, or its server cannot be reached.
    """
    registry = _registry(pipeline, store, mlflow_uri)
    past = registry.read().champions
    if len(past) > 1:
        _require_files(registry, open_store(store).artifacts, past[-2])
    return registry.rollback()


def _registry(pipeline: AnyPipeline, store: AnyStore, mlflow_uri: str | None) -> "Registry":
    from pipelines.stages.promote.champion import open_registry

    found, name = open_store(store), opened(pipeline).name
    require_there(found.artifacts, name)
    return open_registry(found.uri, name, mlflow_uri)


def _require_files(registry: "Registry", store: Store, number: int) -> None:
    from pipelines.stages.promote.model_files import require_files

    version = registry.read().version(number)
    if version is not None:
        require_files(store, registry.uri, registry.model, version)
