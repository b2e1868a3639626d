"""Erasing an entity from a store."""

from os import PathLike
from typing import Any

from pipelines.api.opening import PipelineHandle, opened, text
from pipelines.api.store import PublishedStore, open_store
from pipelines.core.errors import ConfigError
from pipelines.core.events import Reporter, Sink, to_log

AnyStore = str | PathLike[str] | PublishedStore


def forget(
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    entity: str,
    key: object,
    dry_run: bool = False,
    on_event: Sink | None = None,
) -> dict[str, Any]:
    """Erase an entity from everything that is published of a pipeline.

    Its rows are left out of later deliveries too. Running it again after it was stopped goes on where it was.

    Args:
        pipeline: The pipeline, or its name.
        store: A local store.
        entity: Name of a declared entity.
        key: The value of its column; of one that consists of several, as the store has it (``a|b``).
        dry_run: Whether only to say what would be done.
        on_event: Gets each event; by default progress is logged.

    Returns:
        ``rewritten``, ``removed``, ``models`` that were trained on its rows, ``refused`` partitions, and
        what is ``left``, which no erasure reaches.

    Raises:
        ConfigError: No such pipeline or entity, a key of another type, or a store that is not local.
        TransientError: A stage is working on the pipeline.
    """
    from pipelines.drivers.erasure.erase import erase
    from pipelines.drivers.erasure.holdings import sought

    if isinstance(key, bool) or not isinstance(key, str | int):
        raise ConfigError(
            f"key must be the text or the integer that the entity's column has; got {type(key).__name__}."
        )
    declaration = opened(pipeline).declaration
    wanted = sought(declaration, text(entity, "entity"), str(key))
    report = Reporter(f"forget {declaration.name}", on_event or to_log)
    return erase(open_store(store).artifacts, wanted, report, dry_run=dry_run).as_json()
