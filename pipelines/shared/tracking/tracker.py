"""The training's side: tell, start the sender, and at the end wait for it a little.

Why: a run's curves should be in MLflow while it trains, and must not hold it up.
Promise: never raises for MLflow's sake; what was not sent is told, and stays in the spool. However the
    training ends, its run says so.
Not here: sending (``sender.py``).
"""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.core.errors import ConfigError, StageStoppedError
from pipelines.core.events import Reporter, Sink
from pipelines.core.text import readable
from pipelines.protocol import Plan, Work
from pipelines.shared.registry import registry_uri
from pipelines.shared.tracking.params import flat_params
from pipelines.shared.tracking.spool import (
    COMPLETE,
    FAILED,
    PRUNED,
    STOPPED,
    WAIT_S,
    Spool,
    kept_offset,
)

SPOOL, SAID = "tracking.jsonl", "tracking.log"
MAX_ERROR_CHARS = 500
# MLflow's own patience with a server, seven tries with growing pauses, is longer than ours.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}

log = logging.getLogger("millrace")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What names a run, beside its work and plan.

    Attributes:
        name: The run's name.
        tags: More tags; a ``digest`` among them finds the run instead of the plan's.
        params: More parameters.
        kept: What its artifact calls the spool, published where it could not be sent.
    """

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    kept: str = SPOOL


class Tracker:
    """What one training tells of itself."""

    def __init__(self, spool: Spool | None) -> None:
        """Tell nobody where ``spool`` is None."""
        self._spool, self._step = spool, 0
        self.end = (COMPLETE, "")
        self.lost = ""

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers after a step."""
        self._step = step
        self._tell(lambda spool: spool.metrics(step, values))

    def file(self, path: Path) -> None:
        """A file to keep with the run."""
        self._tell(lambda spool: spool.file(path))

    def _tell(self, say: Callable[[Spool], None]) -> None:
        """Write something down; what cannot be written ends the telling, not the training."""
        if self._spool is None or self.lost:
            return
        try:
            say(self._spool)
        except (OSError, TypeError, ValueError) as error:
            self.lost = f"{type(error).__name__}: {error}"

    def pruned(self) -> None:
        """Training ended before its last epoch because others did better."""
        self.end = (PRUNED, "")

    def failed(self, error: Exception) -> None:
        """Training failed, and the block ends all the same."""
        self.end = _end_of(error)

    def tap(self, report: Reporter) -> Reporter:
        """The same reporter, whose metrics and progress are tracked as well."""
        return replace(report, sink=self._tapped(report.sink))

    def _tapped(self, sink: Sink) -> Sink:
        def both(event: Mapping[str, Any]) -> None:
            if event["event"] == "metric":
                self.metrics(event["step"], event["values"])
            elif event["event"] == "progress":
                step = int(event["values"].get("step", self._step))
                self.metrics(step, {"rows_per_s": event["per_s"]})
            sink(event)

        return both


@contextmanager
def tracking(work: Work, plan: Plan, folder: Path, about: About) -> Iterator[Tracker]:
    """Track what happens in the block as one MLflow run.

    An error ends the run too: the sender lives on for as long as it takes to tell it.

    Args:
        work: The training's work; ``--option track=false`` tracks nothing.
        plan: Its plan: the digest names the run, settings and inputs describe it.
        folder: Where the spool lies, over kills.
        about: The run's name, and what else it is known by.
    """
    uri = uri_told(work)
    if not uri:
        yield Tracker(None)
        return
    try:
        spool = Spool(folder / SPOOL)
        spool.start(_start_of(work, plan, about, uri))
        sender = _sender(uri, folder)
    except (OSError, TypeError, ValueError) as error:
        work.report.log(f"MLflow at {uri} is not told of this training: {error}")
        spool = None
    if spool is None:
        yield Tracker(None)
        return
    tracker = Tracker(spool)
    try:
        yield tracker
    except BaseException as error:
        with suppress(
            OSError, ValueError
        ):  # the error counts, not that it could not be written down
            spool.end(*_end_of(error))
        raise
    try:
        spool.end(*tracker.end)
    except (OSError, ValueError) as error:
        sender.kill()  # it would wait for an end that cannot be written down
        tracker.lost = tracker.lost or f"{type(error).__name__}: {error}"
    problem = _problem(sender, folder)
    problem = tracker.lost or problem
    if problem:
        work.report.log(
            f"MLflow at {uri} was not told of this training ({problem}). What it tells is published as "
            f"{about.kept}: python -m pipelines.shared.tracking.sender {uri} {about.kept} sends it"
        )


def uri_told(work: Work) -> str:
    """The MLflow that is told of a training; empty where none is."""
    if work.options.get("track") is False:
        return ""
    try:
        return registry_uri(work.store, work.options.get("mlflow_uri"))
    except ConfigError:
        return ""  # a remote store without a server: promote will ask for one


def _end_of(error: BaseException) -> tuple[str, str]:
    """How a training ended that this error ended, and the line that tells why."""
    if isinstance(error, StageStoppedError | KeyboardInterrupt):
        return STOPPED, ""
    first = next(iter(str(error).splitlines()), "")
    return FAILED, readable(f"{type(error).__name__}: {first}", MAX_ERROR_CHARS)


def _start_of(work: Work, plan: Plan, about: About, uri: str) -> dict[str, Any]:
    root = work.store.uri.rstrip("/")
    return {
        "experiment": work.pipeline.name,
        # Without a place of its own MLflow would make one in the current folder.
        "artifacts": None if uri.startswith("http") else f"{root}/mlflow-artifacts",
        "name": about.name,
        "tags": {
            "digest": plan.digest(),
            "as_of": work.model_day,
            "seed": str(work.pipeline.training.seed),
            **about.tags,
        },
        "params": {**flat_params(plan.config), **about.params},
        "datasets": dict(plan.inputs),
        "source": f"{root}/{work.pipeline.name}",
    }


def _sender(uri: str, folder: Path) -> "subprocess.Popen[bytes]":
    spool, parent = str(folder / SPOOL), str(os.getpid())
    # Appended: the sender of the try before may still be writing.
    with (folder / SAID).open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.shared.tracking.sender", uri, spool, parent],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=PATIENCE | os.environ,
            # Whoever kills the training's group must leave it the time to tell of that.
            start_new_session=True,
        )


def _problem(sender: "subprocess.Popen[bytes]", folder: Path) -> str:
    """Wait for the sender; why it did not send everything, or empty."""
    try:
        code = sender.wait(WAIT_S)
    except subprocess.TimeoutExpired:
        sender.kill()
        sender.wait()
        return f"no answer in {WAIT_S:.0f} s"
    lines = (folder / SAID).read_text(errors="replace").strip().splitlines()
    return "" if code == 0 else (lines[-1] if lines else f"exit {code}")


def keep_told(folder: Path, out: Path, name: str = SPOOL) -> bool:
    """Copy the spool beside what is published; whether it was not sent to its end.

    MLflow may lose what it was told: then it is told again (``retell.py``).
    """
    path = folder / SPOOL
    if not path.exists():
        return False
    try:
        (out / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, out / name)
        return kept_offset(path) < path.stat().st_size
    except (OSError, ValueError, KeyError, TypeError) as error:
        (out / name).unlink(missing_ok=True)
        log.warning("%s is not kept beside the result: %r", path, error)
        return False
