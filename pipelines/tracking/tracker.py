"""The training's side: tell, start the sender, and at the end wait for it a little.

Why: a run's curves should be in MLflow while it trains, and must not hold it up.
Promise: never raises for MLflow's sake; what was not sent is told, and stays in the spool.
Not here: sending (``sender.py``).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError
from pipelines.events import Reporter, Sink
from pipelines.registry import registry_uri
from pipelines.stages import Plan, Work
from pipelines.tracking.params import flat_params
from pipelines.tracking.spool import Spool

WAIT_S = 180.0
SPOOL, SENT = "tracking.jsonl", "tracking.sent"


class Tracker:
    """What one training tells of itself."""

    def __init__(self, spool: Spool | None) -> None:
        """Tell nobody where ``spool`` is None."""
        self._spool, self._step = spool, 0

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers after a step."""
        self._step = step
        if self._spool is not None:
            self._spool.metrics(step, values)

    def file(self, path: Path) -> None:
        """A file to keep with the run."""
        if self._spool is not None:
            self._spool.file(path)

    def tap(self, report: Reporter) -> Reporter:
        """The same reporter, whose metrics and progress are tracked as well."""
        return replace(report, sink=self._tapped(report.sink))

    def _tapped(self, sink: Sink) -> Sink:
        def both(event: Mapping[str, Any]) -> None:
            if event["event"] == "metric":
                self.metrics(event["step"], event["values"])
            elif event["event"] == "progress":
                self.metrics(self._step, {"rows_per_s": event["per_s"]})
            sink(event)

        return both


@contextmanager
def tracking(work: Work, plan: Plan, folder: Path, name: str) -> Iterator[Tracker]:
    """Track what happens in the block as one MLflow run.

    Args:
        work: The training's work; ``--option track=false`` tracks nothing.
        plan: Its plan: the digest names the run, settings and inputs describe it.
        folder: Where the spool lies, over kills.
        name: The run's name.
    """
    try:
        uri = registry_uri(work.store, work.options.get("mlflow_uri"))
    except ConfigError:
        uri = ""  # a remote store without a server: promote will ask for one
    if not uri or work.options.get("track") is False:
        yield Tracker(None)
        return
    spool = Spool(folder / SPOOL)
    spool.start(_about(work, plan, name, uri))
    sender = _sender(uri, spool.path)
    try:
        yield Tracker(spool)
    except BaseException:
        sender.terminate()  # the next try sends it all
        raise
    spool.end()
    problem = _problem(sender)
    if problem:
        work.report.log(
            f"MLflow at {uri} was not told of this training ({problem}). What it tells is kept with "
            f"the model: python -m pipelines.tracking.sender {uri} {SPOOL} sends it"
        )


def _about(work: Work, plan: Plan, name: str, uri: str) -> dict[str, Any]:
    root = work.store.uri.rstrip("/")
    return {
        "experiment": work.pipeline.name,
        # Without a place of its own MLflow would make one in the current folder.
        "artifacts": None if uri.startswith("http") else f"{root}/mlflow-artifacts",
        "name": name,
        "tags": {
            "digest": plan.digest(),
            "as_of": work.model_day,
            "seed": str(work.pipeline.training.seed),
        },
        "params": flat_params(plan.config),
        "datasets": dict(plan.inputs),
        "source": f"{root}/{work.pipeline.name}",
    }


def _sender(uri: str, spool: Path) -> "subprocess.Popen[bytes]":
    argv = [
        sys.executable,
        "-m",
        "pipelines.tracking.sender",
        uri,
        str(spool),
        str(os.getpid()),
    ]
    # MLflow's own patience, seven tries with growing pauses, is longer than ours.
    env = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
    return subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env | os.environ
    )


def _problem(sender: "subprocess.Popen[bytes]") -> str:
    """Wait for the sender; why it did not send everything, or empty."""
    try:
        _, said = sender.communicate(timeout=WAIT_S)
    except subprocess.TimeoutExpired:
        sender.kill()
        sender.communicate()
        return f"no answer in {WAIT_S:.0f} s"
    lines = said.decode(errors="replace").strip().splitlines()
    return (
        "" if sender.returncode == 0 else (lines[-1] if lines else f"exit {sender.returncode}")
    )


def keep_unsent(folder: Path, out: Path) -> None:
    """Copy the spool beside the model if it was not sent to its end."""
    path, sent = folder / SPOOL, folder / SENT
    if not path.exists():
        return
    done = json.loads(sent.read_text())["offset"] if sent.exists() else 0
    if done < path.stat().st_size:
        shutil.copyfile(path, out / SPOOL)
