"""A whole search without Airflow: the training set, every trial, the winner, each in a process.

Why: a laptop and a test need what the DAG does, without Airflow.
Promise: the same commands as the DAG's tasks; trials that have ended are not run again.
Not here: parsing arguments (``pipelines/cli/``), one trial (``trial.py``).
"""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from pipelines.core.events import to_log
from pipelines.process.launch import StageProcess
from pipelines.protocol import Result, giver_of, stages
from pipelines.protocol.stage import WINDOW
from pipelines.spec import Pipeline, search_day
from pipelines.stages.tune.record import STAGE as TUNE

log = logging.getLogger("millrace")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """Arguments of ``run_search``.

    Attributes:
        pipeline: Declaration with the settings applied.
        settings: The same settings as text, passed to child processes.
        options: ``key=value`` options, passed to child processes.
        store: Root of the artifact store.
        as_of: As-of day of the model that the settings are for.
        at_once: Trials to run in parallel.
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

    A trial whose process fails does not stop the others; its error is raised when they have ended.

    Returns:
        The result of the ``tune`` stage, with its trials' results under ``trials``.

    Raises:
        PipelineError: A child process failed; the next call resumes, and does not repeat ended trials.
    """
    name = request.pipeline.name
    children = _ChildProcesses(request)
    day = search_day(request.pipeline, request.as_of)
    common = ["--as-of", request.as_of]
    for stage in (s for s in stages(request.pipeline) if s.only_where and s.scope == WINDOW):
        children.run(["stage", stage.name, name, "--as-of", day])
    for result in TUNE.takes:
        made = children.run(["stage", giver_of(result).name, name, "--as-of", day])
        common += ["--input", f"{result}={made['digest']}"]
    trials = _trials(children, ["trial", name, *common, "--number"])
    winner = children.run(["stage", TUNE.name, name, *common])
    return winner | {"trials": trials}


def _trials(children: "_ChildProcesses", argv: list[str]) -> list[Result]:
    request = children.request
    pool = ThreadPoolExecutor(request.at_once)
    try:
        submitted = [
            pool.submit(children.run, [*argv, str(number)])
            for number in range(request.pipeline.search.trials)
        ]
        wait(submitted)
        return [each.result() for each in submitted]
    except BaseException:  # Ctrl-C: start no other trial; running ones write a checkpoint
        children.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _ChildProcesses:
    """The processes of one search."""

    def __init__(self, request: SearchRequest) -> None:
        self.request = request
        self._started: list[StageProcess] = []
        self._stopping = False

    def run(self, argv: list[str]) -> Result:
        """Run one process to its end and return its result."""
        request, result = self.request, dict[str, Any]()

        def on_event(event: Mapping[str, Any]) -> None:
            to_log(event)
            if event["event"] == "result":
                result.update(event["result"])

        argv = [*argv, "--store", request.store]
        argv += [text for setting in request.settings for text in ("--set", setting)]
        argv += [text for option in request.options for text in ("--option", option)]
        argv += ["--history-from", request.history_from] if request.history_from else []
        child = StageProcess(
            argv, on_event=on_event, on_line=lambda line: log.info("%s", line), server=False
        )
        self._started.append(child)
        if self._stopping:
            child.stop()
        child.run()
        return result

    def stop(self) -> None:
        """Ask all running processes to write a checkpoint and exit."""
        self._stopping = True
        for child in self._started:
            child.stop()
