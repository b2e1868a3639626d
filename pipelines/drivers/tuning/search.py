"""A whole search by hand: the training set, every trial, the winner, each in a process of its own.

Why: a laptop and a test need what the DAG does, without Airflow.
Promise: the same commands as the DAG's tasks; trials that have ended are found.
Not here: parsing arguments (``pipelines/cli/``), one trial (``trial.py``).
"""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from pipelines.core.events import to_log
from pipelines.process.launch import StageProcess
from pipelines.protocol import Result, giver_of
from pipelines.spec import Pipeline, search_day
from pipelines.stages.tune.record import STAGE as TUNE

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

    A trial whose process fails does not keep the others from their end; then its error is raised.

    Returns:
        The result of the ``tune`` stage, its trials' results beside it.

    Raises:
        PipelineError: A child failed; trials that ended stay ended, and the next call goes on.
    """
    name = request.pipeline.name
    children = _Children(request)
    day = search_day(request.pipeline, request.as_of)
    common = ["--as-of", request.as_of]
    for result in TUNE.takes:
        made = children.run(["stage", giver_of(result).name, name, "--as-of", day])
        common += ["--input", f"{result}={made['digest']}"]
    trials = _trials(children, ["trial", name, *common, "--number"])
    winner = children.run(["stage", TUNE.name, name, *common])
    return winner | {"trials": trials}


def _trials(children: "_Children", argv: list[str]) -> list[Result]:
    request = children.request
    pool = ThreadPoolExecutor(request.at_once)
    try:
        asked = [
            pool.submit(children.run, [*argv, str(number)])
            for number in range(request.pipeline.search.trials)
        ]
        wait(asked)
        return [each.result() for each in asked]
    except BaseException:  # Ctrl-C: no other trial is begun, and those at work checkpoint
        children.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Children:
    """The processes of one search."""

    def __init__(self, request: SearchRequest) -> None:
        self.request = request
        self._begun: list[StageProcess] = []
        self._stopping = False

    def run(self, argv: list[str]) -> Result:
        """Run one to its end and return what it tells."""
        request, told = self.request, dict[str, Any]()

        def on_event(event: Mapping[str, Any]) -> None:
            to_log(event)
            if event["event"] == "result":
                told.update(event["result"])

        argv = [*argv, "--store", request.store]
        argv += [word for setting in request.settings for word in ("--set", setting)]
        argv += [word for option in request.options for word in ("--option", option)]
        argv += ["--history-from", request.history_from] if request.history_from else []
        child = StageProcess(
            argv, on_event=on_event, on_line=lambda line: log.info("%s", line), server=False
        )
        self._begun.append(child)
        if self._stopping:
            child.stop()
        child.run()
        return told

    def stop(self) -> None:
        """Have all that are at work write a checkpoint and end."""
        self._stopping = True
        for child in self._begun:
            child.stop()
