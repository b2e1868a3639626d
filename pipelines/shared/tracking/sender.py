"""The sender: a process that follows a spool, sends it to MLflow, and looks at the machine.

Why: MLflow's import, its round trips and its threads belong in no process that trains; and only
    another process can tell that a training was killed.
Promise: one run for a digest, one point for a metric and step that the training tells; sending a spool
    again adds nothing. The run is closed with the training's end, or as killed when the training is
    gone without a word, for which MLflow is asked for ``LAST_S``; then this process ends. Run it by hand to send what could not be
    sent: ``python -m pipelines.shared.tracking.sender URI SPOOL``.
"""

import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mlflow.entities import Metric

from pipelines.shared.registry.client import open_client
from pipelines.shared.tracking.load import Load
from pipelines.shared.tracking.runs import close_run, open_run
from pipelines.shared.tracking.spool import (
    END,
    FILE,
    KILLED,
    METRICS,
    START,
    WAIT_S,
    keep_offset,
    read_lines,
)

POLL_S, AGAIN_S, LAST_S, LOOK_S, NICE = 0.5, 2.0, 10.0, 10.0, 5
BATCH = 500
Line = dict[str, Any]


def send(uri: str, spool: Path, alive: Callable[[], bool], load: Load | None = None) -> None:
    """Send a spool to its end; MLflow being away is waited out while the training is at work.

    Args:
        uri: MLflow URI.
        spool: What a training tells.
        alive: Whether the training lives, so that more lines may come.
        load: Its load, to be sent as well; None where no training started this process.
    """
    sender, offset, patience_s = _Sender(uri, spool, load), 0, LAST_S if load else 0.0
    with spool.open("r+b") as file:
        # The sender of the try before may still be telling how that ended.
        fcntl.flock(file, fcntl.LOCK_EX)
        while True:
            lives = alive()
            lines, after = read_lines(spool, offset)
            ended = any(line["kind"] == END for line in lines[-1:])
            try:
                sender.send(lines, gone=not lives)
            except Exception:
                if patience_s <= 0 and (ended or not lives):
                    raise
                patience_s -= AGAIN_S if ended or not lives else 0.0
                time.sleep(AGAIN_S)
                continue
            offset = after
            if load is not None:
                keep_offset(spool, offset)
            if ended or not lives:
                return
            time.sleep(POLL_S)


class _Sender:
    """The run that lines are sent to; lines whose sending failed may be sent again."""

    def __init__(self, uri: str, spool: Path, load: Load | None) -> None:
        self._uri, self._beside, self._load = uri, spool.parent, load
        self._client: Any = None
        self._run: str | None = None
        self._told = set[tuple[str, int]]()
        self._last: Line = {}
        self._looked, self._step = 0.0, 0

    def send(self, lines: list[Line], *, gone: bool) -> None:
        """Send some lines, and close the run if they end it or nobody is left to do so."""
        self._client = self._client or open_client(self._uri)
        starts = [line for line in lines if line["kind"] == START]
        if starts:
            self._run = open_run(self._client, starts[-1])
        if self._run is None:
            return
        self._send_points(lines)
        for line in lines:
            if line["kind"] == FILE:
                self._send_file(Path(line["path"]))
        self._last = lines[-1] if lines else self._last
        if self._last["kind"] == END:
            self._close(self._last["how"], self._last["error"])
        elif gone:
            self._close(KILLED)
        else:
            self._look()

    def _send_points(self, lines: Iterable[Line]) -> None:
        """What a try told before it was killed is told again by the next: the first counts."""
        points = dict[tuple[str, int], Metric]()
        for line in lines:
            if line["kind"] == METRICS:
                self._step = line["step"]
                for name, value in line["values"].items():
                    point = Metric(name, value, line["time_ms"], line["step"])
                    points.setdefault((name, line["step"]), point)
        new = [point for key, point in points.items() if key not in self._told]
        for first in range(0, len(new), BATCH):
            self._client.log_batch(self._run, metrics=new[first : first + BATCH])
        self._told |= points.keys()

    def _send_file(self, path: Path) -> None:
        """A file where it was written, or beside the spool that was kept with it."""
        for found in (path, self._beside / path.name):
            if found.exists():
                self._client.log_artifact(self._run, str(found))
                return

    def _close(self, how: str, error: str = "") -> None:
        close_run(self._client, self._run, how, self._last["time_ms"], error)

    def _look(self) -> None:
        now = time.monotonic()
        if self._load is None or now - self._looked < LOOK_S:
            return
        self._looked, stamp = now, int(time.time() * 1000)
        points = [
            Metric(f"system/{name}", value, stamp, self._step)
            for name, value in self._load.now().items()
        ]
        self._client.log_batch(self._run, metrics=points)


def _end_after(alive: Callable[[], bool]) -> None:
    """End this process when its training is gone and MLflow does not take the end."""
    while alive():
        time.sleep(POLL_S)
    time.sleep(WAIT_S)
    os._exit(1)


def main() -> None:
    """Send the spool of the command line, following it if a training started this process."""
    os.nice(NICE)
    uri, spool, *following = sys.argv[1:]
    if not following:
        send(uri, Path(spool), lambda: False)
        return
    parent = int(following[0])

    def alive() -> bool:
        return os.getppid() == parent

    threading.Thread(target=_end_after, args=(alive,), daemon=True).start()
    send(uri, Path(spool), alive, Load(parent))


if __name__ == "__main__":
    main()
