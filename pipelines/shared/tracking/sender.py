"""The sender: a process that follows a spool, sends it to MLflow, and samples system metrics.

Why: MLflow's import, its round trips and its threads must not slow the training process; and only
    another process can report that a training was killed.
Promise: one run per digest, one point per metric and step of the training; sending a spool again is
    idempotent. The run is terminated as the training ended, or as killed when the training is gone
    without an ``end`` line, for which sending is tried for ``LAST_S``; then this process ends. Run it
    by hand to send a spool that could not be sent:
    ``python -m pipelines.shared.tracking.sender URI SPOOL``.
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
from pipelines.shared.tracking.system_metrics import SystemMetrics

POLL_S, AGAIN_S, LAST_S, SAMPLE_EVERY_S, NICE = 0.5, 2.0, 10.0, 10.0, 5
BATCH = 500
Line = dict[str, Any]


def send(
    uri: str, spool: Path, alive: Callable[[], bool], metrics: SystemMetrics | None = None
) -> None:
    """Send a spool to its end; while the training runs, an unreachable MLflow is retried.

    Args:
        uri: MLflow URI.
        spool: The spool of a training.
        alive: Whether the training still runs, so that more lines may follow.
        metrics: Its system metrics, sent as well; None where no training started this process.
    """
    sender, offset, patience_s = _Sender(uri, spool, metrics), 0, LAST_S if metrics else 0.0
    with spool.open("r+b") as file:
        # The sender of the previous try may still be sending how that ended.
        fcntl.flock(file, fcntl.LOCK_EX)
        while True:
            lives = alive()
            lines, after = read_lines(spool, offset)
            is_last = not lives or _is_ended(lines)
            try:
                sender.send(lines, gone=not lives)
            except Exception:
                if is_last:
                    if patience_s <= 0:
                        raise
                    patience_s -= AGAIN_S
                time.sleep(AGAIN_S)
                continue
            offset = after
            if metrics is not None:
                keep_offset(spool, offset)
            if is_last:
                return
            time.sleep(POLL_S)


def _of_kind(lines: list[Line], kind: str) -> list[Line]:
    return [line for line in lines if line["kind"] == kind]


def _is_ended(lines: list[Line]) -> bool:
    return bool(lines) and lines[-1]["kind"] == END


class _Sender:
    """Sends lines to one run; lines may be sent again after an error."""

    def __init__(self, uri: str, spool: Path, metrics: SystemMetrics | None) -> None:
        self._uri, self._folder, self._metrics = uri, spool.parent, metrics
        self._client: Any = None
        self._run: str | None = None
        self._sent = set[tuple[str, int]]()
        self._last: Line = {}
        self._sampled, self._step = 0.0, 0

    def send(self, lines: list[Line], *, gone: bool) -> None:
        """Send lines, and terminate the run if they end it or the training is gone."""
        self._client = self._client or open_client(self._uri)
        for line in _of_kind(lines, START)[-1:]:
            self._run = open_run(self._client, line)
        if self._run is None:
            return
        self._send_points(lines)
        for line in _of_kind(lines, FILE):
            self._send_file(Path(line["path"]))
        self._last = lines[-1] if lines else self._last
        if self._last["kind"] == END:
            self._close(self._last["how"], self._last["error"])
        elif gone:
            self._close(KILLED)
        else:
            self._sample()

    def _send_points(self, lines: Iterable[Line]) -> None:
        """Send new points; a retry repeats points of a killed try, of which the first counts."""
        points = dict[tuple[str, int], Metric]()
        for line in lines:
            if line["kind"] == METRICS:
                self._step = line["step"]
                for name, value in line["values"].items():
                    point = Metric(name, value, line["time_ms"], line["step"])
                    points.setdefault((name, line["step"]), point)
        new = [point for key, point in points.items() if key not in self._sent]
        for first in range(0, len(new), BATCH):
            self._client.log_batch(self._run, metrics=new[first : first + BATCH])
        self._sent |= points.keys()

    def _send_file(self, path: Path) -> None:
        """Send a file from where it was written, or from the spool's folder."""
        for found in (path, self._folder / path.name):
            if found.exists():
                self._client.log_artifact(self._run, str(found))
                return

    def _close(self, how: str, error: str = "") -> None:
        close_run(self._client, self._run, how, self._last["time_ms"], error)

    def _sample(self) -> None:
        now = time.monotonic()
        if self._metrics is None or now - self._sampled < SAMPLE_EVERY_S:
            return
        self._sampled, stamp = now, int(time.time() * 1000)
        points = [
            Metric(f"system/{name}", value, stamp, self._step)
            for name, value in self._metrics.now().items()
        ]
        self._client.log_batch(self._run, metrics=points)


def _end_after(alive: Callable[[], bool]) -> None:
    """End this process some time after its training is gone, even if MLflow never answers."""
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
    send(uri, Path(spool), alive, SystemMetrics(parent))


if __name__ == "__main__":
    main()
