"""A whole search by hand: the training set, every trial, the winner, each in a process of its own.

Why: a laptop and a test need what the DAG does, without Airflow.
Promise: the same commands as the DAG's tasks; trials that have ended are found.
Not here: parsing arguments (``pipelines/cli/``), one trial (``trial.py``).
"""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pipelines.events import to_log
from pipelines.process.launch import run_stage
from pipelines.spec import Pipeline, search_day
from pipelines.stages import Result

log = logging.getLogger("millrace")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What ``run_search`` is asked for.

    Attributes:
        pipeline: Declaration with the settings applied.
        settings: Those settings, as children are told them.
        options: ``key=value`` options that children are told.
        store: Root of the artifact store.
        as_of: As-of day of the model that the settings are for.
        at_once: Trials to run side by side.
        history_from: First day of data; None for the declared one.
    """

    pipeline: Pipeline
    settings: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    store: str
    as_of: str
    at_once: int = 1
    history_from: str | None = None


def run_search(request: SearchRequest) -> Result:
    """Run every trial and publish the winner.

    Returns:
        What the ``tune`` stage tells, its trials' results beside it.

    Raises:
        PipelineError: A child failed; trials that ended stay ended.
    """
    name = request.pipeline.name
    day = search_day(request.pipeline, request.as_of)
    _child(request, ["stage", "preprocess", name, "--as-of", day])
    numbers = range(request.pipeline.search.trials)
    trial = ["trial", name, "--as-of", request.as_of, "--number"]
    with ThreadPoolExecutor(request.at_once) as pool:
        trials = list(pool.map(lambda n: _child(request, [*trial, str(n)]), numbers))
    winner = _child(request, ["stage", "tune", name, "--as-of", request.as_of])
    return winner | {"trials": trials}


def _child(request: SearchRequest, argv: list[str]) -> Result:
    argv = [*argv, "--store", request.store]
    argv += [word for setting in request.settings for word in ("--set", setting)]
    argv += [word for option in request.options for word in ("--option", option)]
    argv += ["--history-from", request.history_from] if request.history_from else []
    told: dict[str, Any] = {}

    def on_event(event: Mapping[str, Any]) -> None:
        to_log(event)
        if event["event"] == "result":
            told.update(event["result"])

    run_stage(argv, on_event=on_event, on_line=lambda line: log.info("%s", line), server=False)
    return told
