"""The model registry: listing versions, promoting one, going back, and who did that when and why.

Why: promoting by hand and rolling back are one call each, recorded beside what the ``promote`` stage does.
Promise: no version becomes the champion whose files are missing or damaged, or that predicts something
    else than when it was trained.
"""

from os import PathLike
from typing import TYPE_CHECKING, Any

from pipelines.api.opening import PipelineHandle, opened, text
from pipelines.api.registered import version_number
from pipelines.api.store import PublishedStore, open_store
from pipelines.core.errors import ConfigError
from pipelines.core.rights import login_name
from pipelines.core.store.branches import require_there

if TYPE_CHECKING:
    from pipelines.stages.promote.champion import Reason, Registry

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


def champion_changes(
    pipeline: AnyPipeline, store: AnyStore, *, mlflow_uri: str | None = None
) -> list[dict[str, Any]]:
    """Every change of the champion, newest first.

    Returns:
        Of each ``version``, ``was``, ``from_day``, ``how``, ``who``, ``why``, ``at`` and ``number``.

    Raises:
        As ``models``.
    """
    return _registry(pipeline, store, mlflow_uri).changes()


def promote(
    pipeline: AnyPipeline,
    store: AnyStore,
    version: int,
    *,
    why: str,
    who: str | None = None,
    from_day: str | None = None,
    expect: int | None = None,
    mlflow_uri: str | None = None,
) -> dict[str, Any]:
    """Make a registered version the champion, whatever its verdict.

    Args:
        pipeline: Whose.
        store: Where its models are.
        version: Number of the version.
        why: The reason, which is recorded.
        who: Who does it; by default the user of this process.
        from_day: Day from which it is in force; by default the first one that is not scored yet.
        expect: The champion that it replaces; if another one is the champion by now, nothing changes.
        mlflow_uri: Registry; by default the one in the store.

    Returns:
        The change, as ``champion_changes`` lists it, and whether anything ``changed``: not where that
        version is the champion already.

    Raises:
        ConfigError: No such pipeline or version, or a reason that is missing or too long.
        ArtifactError: The version's files are missing or damaged, or it predicts something else by now.
        PermanentError: The champion is not the expected one.
        TransientError: The registry is locked, or its server cannot be reached.
    """
    from pipelines.stages.promote.by_hand import promote_by_hand

    number, seen = version_number(version), None if expect is None else version_number(expect)
    change = promote_by_hand(
        open_store(store).artifacts,
        _registry(pipeline, store, mlflow_uri),
        opened(pipeline).declaration,
        number,
        _reason(why, who, from_day),
        expect=seen,
    )
    if change is not None:
        return change.facts() | {"changed": True}
    return _registry(pipeline, store, mlflow_uri).changes()[0] | {"changed": False}


def rollback(
    pipeline: AnyPipeline,
    store: AnyStore,
    *,
    why: str,
    who: str | None = None,
    from_day: str | None = None,
    expect: int | None = None,
    mlflow_uri: str | None = None,
) -> dict[str, Any]:
    """Make the previous champion the champion again.

    Args:
        pipeline: Whose.
        store: Where its models are.
        why: The reason, which is recorded.
        who: Who does it; by default the user of this process.
        from_day: Day from which it is in force; by default the first one that is not scored yet.
        expect: The champion that is left; if another one is the champion by now, nothing changes.
        mlflow_uri: Registry; by default the one in the store.

    Returns:
        The change, as ``promote`` returns it.

    Raises:
        ConfigError: No such pipeline, no earlier champion, or a reason that is missing or too long.
        ArtifactError: The earlier champion's files are missing or damaged, or it predicts something
            else by now.
        PermanentError: The champion is not the expected one.
        TransientError: The registry is locked, or its server cannot be reached.
    """
    from pipelines.stages.promote.by_hand import roll_back

    change = roll_back(
        open_store(store).artifacts,
        _registry(pipeline, store, mlflow_uri),
        opened(pipeline).declaration,
        _reason(why, who, from_day),
        expect=None if expect is None else version_number(expect),
    )
    return change.facts() | {"changed": True}


def _registry(pipeline: AnyPipeline, store: AnyStore, mlflow_uri: str | None) -> "Registry":
    from pipelines.stages.promote.champion import open_registry

    found, name = open_store(store), opened(pipeline).name
    require_there(found.artifacts, name)
    return open_registry(found.uri, name, mlflow_uri)


def _reason(why: str, who: str | None, from_day: str | None) -> "Reason":
    """What is recorded of a change by hand.

    Raises:
        ConfigError: The reason says nothing, or a text is too long.
    """
    from pipelines.stages.promote.champion import Reason

    if not text(why, "why").strip():
        raise ConfigError(
            "A change of the champion needs its reason: pass --why TEXT, which the history keeps."
        )
    person = text(who, "who").strip() if who is not None else ""
    day = None if from_day is None else text(from_day, "from_day")
    return Reason(who=person or login_name(), why=why.strip(), from_day=day)
