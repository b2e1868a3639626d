"""Searching for better settings.

Why: a search from Python must be the search that the DAG runs: the same trials, study and winner.
Promise: what has ended is found, not run again; a stopped search goes on where it was.
"""

from pipelines.api.opening import Assignments, PipelineHandle, assignments, opened
from pipelines.api.stages import AnyStore
from pipelines.api.store import open_store
from pipelines.core.days import parse_day
from pipelines.core.errors import ConfigError
from pipelines.protocol import Result, option_values


def tune(
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    as_of: str,
    trials: int | None = None,
    at_once: int = 1,
    history_from: str | None = None,
    options: Assignments = None,
) -> Result:
    """Search for settings on days before the model's test began, and publish the best.

    Args:
        pipeline: A pipeline, opened with the settings of this run, or its name.
        store: Where its features are published.
        as_of: As-of day of the model that the settings are for.
        trials: Settings to try; by default ``search.trials`` of the declaration.
        at_once: Trials to run side by side.
        history_from: First day of data; by default the start of the pipeline's schedule.
        options: What is asked of stages beside settings: ``{"track": False}``.

    Returns:
        The result of the stage ``tune``: ``uri``, ``digest``, ``metrics``, ``reason``. A later run
        takes the settings by ``options={"tuned": as_of}``.

    Raises:
        ConfigError: An argument or a setting cannot be used.
        InputMissingError: Days that the trials need are not published.
        TransientError: A retry can help; trials that have ended stay.
    """
    from pipelines.drivers.tuning.search import SearchRequest, run_search

    for day, what in ((as_of, "--as-of"), (history_from or as_of, "--history-from")):
        parse_day(day, what)
    if type(at_once) is not int or at_once < 1:
        raise ConfigError(f"--at-once must be 1 or more; got {at_once!r}.")
    handle = opened(pipeline)
    if trials is not None:
        handle = handle.with_settings({"search.trials": trials})
    texts = assignments(options, "options")
    option_values(texts)
    request = SearchRequest(
        pipeline=handle.declaration,
        settings=handle.settings,
        options=texts,
        store=open_store(store).uri,
        as_of=as_of,
        at_once=at_once,
        history_from=history_from,
    )
    return run_search(request)
