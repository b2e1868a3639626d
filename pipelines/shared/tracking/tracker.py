"""The training's side of tracking: record metrics, start the sender, and wait for it at the end.

Why: a run's curves should be in MLflow while it trains, without delaying the training.
Promise: an error of MLflow is never raised; it is logged, and the data stays in the spool. However the
    training ends, its run records it.
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

SPOOL, SENDER_LOG = "tracking.jsonl", "tracking.log"
MAX_ERROR_CHARS = 500
# MLflow's default, seven tries with growing pauses, takes longer than a training should wait.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}

log = logging.getLogger("millrace")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The description of a run, in addition to its work and plan.

    Attributes:
        name: The run's name.
        tags: More tags; a ``digest`` among them identifies the run instead of the plan's.
        params: More parameters.
        kept: Name of the published copy of the spool.
    """

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    kept: str = SPOOL


class Tracker:
    """Records the metrics, files and end of one training."""

    def __init__(self, spool: Spool | None) -> None:
        """Record nothing where ``spool`` is None."""
        self._spool, self._step = spool, 0
        self.end = (COMPLETE, "")
        self.lost = ""

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Record metrics after a step."""
        self._step = step
        self._record(lambda spool: spool.metrics(step, values))

    def file(self, path: Path) -> None:
        """Record a file as an artifact of the run."""
        self._record(lambda spool: spool.file(path))

    def _record(self, write: Callable[[Spool], None]) -> None:
        """Write to the spool; an error ends the tracking, not the training."""
        if self._spool is None or self.lost:
            return
        try:
            write(self._spool)
        except (OSError, TypeError, ValueError) as error:
            self.lost = f"{type(error).__name__}: {error}"

    def pruned(self) -> None:
        """Record that training was pruned: stopped early because other trials did better."""
        self.end = (PRUNED, "")

    def failed(self, error: Exception) -> None:
        """Record that training failed although the block ends without an error."""
        self.end = _end_of(error)

    def tap(self, report: Reporter) -> Reporter:
        """A copy of the reporter whose metrics and progress are tracked as well."""
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
    """Track the block as one MLflow run.

    An error ends the run too: the sender runs on until it has sent it.

    Args:
        work: The training's work; ``--option track=false`` tracks nothing.
        plan: Its plan: the digest identifies the run, settings and inputs describe it.
        folder: Folder of the spool, the same for every try.
        about: The run's name, tags and parameters.
    """
    uri = tracking_uri(work)
    if not uri:
        yield Tracker(None)
        return
    try:
        spool = Spool(folder / SPOOL)
        spool.start(_start_of(work, plan, about, uri))
        sender = _sender(uri, folder)
    except (OSError, TypeError, ValueError) as error:
        work.report.log(f"MLflow at {uri} does not track this training: {error}")
        spool = None
    if spool is None:
        yield Tracker(None)
        return
    tracker = Tracker(spool)
    try:
        yield tracker
    except BaseException as error:
        with suppress(OSError, ValueError):  # the training's error is the one to raise
            spool.end(*_end_of(error))
        raise
    try:
        spool.end(*tracker.end)
    except (OSError, ValueError) as error:
        sender.kill()  # it would wait for an end that cannot be recorded
        tracker.lost = tracker.lost or f"{type(error).__name__}: {error}"
    problem = _problem(sender, folder)
    problem = tracker.lost or problem
    if problem:
        work.report.log(
            f"MLflow at {uri} did not receive all of this training ({problem}). Its data is published as "
            f"{about.kept}; to send it: python -m pipelines.shared.tracking.sender {uri} {about.kept}"
        )


def tracking_uri(work: Work) -> str:
    """The MLflow URI that tracks a training; empty where it is not tracked."""
    if work.options.get("track") is False:
        return ""
    try:
        return registry_uri(work.store, work.options.get("mlflow_uri"))
    except ConfigError:
        return ""  # a remote store without a server: promote will require one


def _end_of(error: BaseException) -> tuple[str, str]:
    """The end of a training that raised this error, and the first line of its message."""
    if isinstance(error, StageStoppedError | KeyboardInterrupt):
        return STOPPED, ""
    first = next(iter(str(error).splitlines()), "")
    return FAILED, readable(f"{type(error).__name__}: {first}", MAX_ERROR_CHARS)


def _start_of(work: Work, plan: Plan, about: About, uri: str) -> dict[str, Any]:
    root = work.store.uri.rstrip("/")
    return {
        "experiment": work.registered_name,
        # Without a location MLflow would use the current folder.
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
    # Appended: the sender of the previous try may still be writing.
    with (folder / SENDER_LOG).open("ab") as sender_log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.shared.tracking.sender", uri, spool, parent],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=sender_log,
            env=PATIENCE | os.environ,
            # A kill of the training's process group must not reach it: it still has to report that.
            start_new_session=True,
        )


def _problem(sender: "subprocess.Popen[bytes]", folder: Path) -> str:
    """Wait for the sender; return why it did not send everything, or an empty text."""
    try:
        code = sender.wait(WAIT_S)
    except subprocess.TimeoutExpired:
        sender.kill()
        sender.wait()
        return f"no answer in {WAIT_S:.0f} s"
    lines = (folder / SENDER_LOG).read_text(errors="replace").strip().splitlines()
    return "" if code == 0 else (lines[-1] if lines else f"exit {code}")


def keep_spool(folder: Path, out: Path, name: str = SPOOL) -> bool:
    """Copy the spool into the artifact; return whether it was not sent to its end.

    If MLflow loses the run, it is sent again from there (``resend.py``).
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
