"""Changing the champion by hand: the checks before it, and one change at a time.

Why: promotion by hand and rollback are what people do in haste, two of them at once.
Promise: nothing moves before the version's files were compared with their manifest and its golden
    rows predicted again; on one machine changes are made one after another, with those of the stage.
Not here: what is written (``champion.py``).
"""

from dataclasses import replace

from pipelines.core.days import shift
from pipelines.core.errors import PermanentError
from pipelines.core.store import Store
from pipelines.shared.registry import Change, Registered, Version
from pipelines.spec import Pipeline
from pipelines.stages.promote.champion import (
    Reason,
    Registry,
    previous_champion,
    registry_lock,
)
from pipelines.stages.promote.model_files import require_usable

SCORES = "scores"


def promote_by_hand(
    store: Store,
    registry: Registry,
    pipeline: Pipeline,
    number: int,
    reason: Reason,
    *,
    expect: int | None = None,
) -> Change | None:
    """Make a version the champion, if it can be used.

    Args:
        store: Where the pipeline's models are published.
        registry: Its registered model.
        pipeline: Its declaration.
        number: The version.
        reason: What is recorded.
        expect: The champion that the caller saw; None to change whichever it is.

    Returns:
        The change; None where that version is the champion already.

    Raises:
        ConfigError: There is no such version.
        ArtifactError: Its files are missing or damaged, or it predicts something else by now.
        PermanentError: Another version is the champion by now.
    """
    with store.lock(registry_lock(pipeline.name)):
        held = registry.read()
        _require_champion(registry, held, expect)
        version = held.version(number)
        if version is None or (held.champion == number and reason.from_day is None):
            return registry.promote(number, reason)
        require_usable(store, registry.uri, pipeline.name, version)
        return registry.promote(number, _with_day(reason, store, pipeline, held, version))


def roll_back(
    store: Store,
    registry: Registry,
    pipeline: Pipeline,
    reason: Reason,
    *,
    expect: int | None = None,
) -> Change:
    """Make the previous champion the champion again, if it can be used.

    Args:
        store: Where the pipeline's models are published.
        registry: Its registered model.
        pipeline: Its declaration.
        reason: What is recorded.
        expect: The champion that the caller saw; None to change whichever it is.

    Raises:
        ConfigError: There is no earlier champion.
        ArtifactError: Its files are missing or damaged, or it predicts something else by now.
        PermanentError: Another version is the champion by now.
    """
    with store.lock(registry_lock(pipeline.name)):
        held = registry.read()
        _require_champion(registry, held, expect)
        earlier = previous_champion(held)
        if earlier is None:
            return registry.rollback(reason)
        require_usable(store, registry.uri, pipeline.name, earlier)
        return registry.rollback(_with_day(reason, store, pipeline, held, earlier))


def first_day_not_scored(store: Store, pipeline: Pipeline) -> str:
    """The day after the last one that was scored; empty where none was.

    What was published of a day stays what its champion said of it.
    """
    partitions = pipeline.partitions()
    keys = [key.removeprefix("ds=") for key in store.keys(pipeline.name, SCORES)]
    return shift(max(map(partitions.last_day, keys)), 1) if keys else ""


def _with_day(
    reason: Reason, store: Store, pipeline: Pipeline, held: Registered, version: Version
) -> Reason:
    """The reason with its day: by default the first day that is not scored yet."""
    if reason.from_day is not None:
        return reason
    days = (held.in_force_from, version.as_of, first_day_not_scored(store, pipeline))
    return replace(reason, from_day=max(days) or None)


def _require_champion(registry: Registry, held: Registered, expect: int | None) -> None:
    if expect is None or expect == held.champion:
        return
    now = f"version {held.champion}" if held.champion else "none"
    last = held.changes[-1] if held.changes else None
    by = f", {last.how} at {last.at} by {last.who}: {last.why}" if last and last.at else ""
    raise PermanentError(
        f"The champion of {registry.model} is not version {expect}, which was expected, but {now}{by}. "
        f"Nothing was changed. Look at it again (models {registry.model} --history), then decide."
    )
