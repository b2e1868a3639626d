"""The sender: a process that follows a spool, sends it to MLflow, and looks at the machine.

Why: MLflow's import, its round trips and its threads belong in no process that trains.
Promise: one run for a digest; sending a spool again adds nothing; it ends with the training, also
    when that is killed. Run it by hand to send what could not be sent:
    ``python -m pipelines.tracking.sender URI SPOOL``.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from pipelines.registry.client import open_client
from pipelines.tracking.runs import run_of
from pipelines.tracking.spool import END, FILE, METRICS, START, read_lines

POLL_S, SYSTEM_S, NICE = 0.5, 10.0, 5
BATCH = 500


def send(uri: str, spool: Path, parent: int | None) -> None:
    """Send a spool to its end.

    Args:
        uri: MLflow URI.
        spool: What a training tells.
        parent: The training's process: while it lives more lines may come; None for no more.
    """
    client, sender, offset = open_client(uri), _Sender(), 0
    while True:
        alive = parent is not None and os.getppid() == parent
        lines, offset = read_lines(spool, offset)
        ended = sender.send(client, lines)
        spool.with_suffix(".sent").write_text(json.dumps({"offset": offset}))
        if not lines and (ended or not alive):
            return
        if alive and not ended:
            sender.look(client, parent)
            time.sleep(POLL_S)


class _Sender:
    """The run that lines are sent to."""

    def __init__(self) -> None:
        self._run: str | None = None
        self._ended = False
        self._looked, self._step = 0.0, 0

    def send(self, client: Any, lines: list[dict[str, Any]]) -> bool:
        """Send some lines, and tell whether the last one was among them or before."""
        from mlflow.entities import Metric

        points = []
        for line in lines:
            if line["kind"] == START:
                self._run = run_of(client, line)
                self._ended = False  # a later try goes on
            elif line["kind"] == METRICS:
                self._step = line["step"]
                points += [
                    Metric(name, value, line["time_ms"], line["step"])
                    for name, value in line["values"].items()
                ]
            elif line["kind"] == FILE and Path(line["path"]).exists():
                client.log_artifact(self._run, line["path"])
            elif line["kind"] == END:
                self._ended = True
        for first in range(0, len(points), BATCH):
            client.log_batch(self._run, metrics=points[first : first + BATCH])
        if self._ended and self._run is not None:
            client.set_terminated(self._run, end_time=lines[-1]["time_ms"] if lines else None)
        return self._ended

    def look(self, client: Any, process: int | None) -> None:
        """Send how busy the training's process and the GPUs are, every ten seconds."""
        now = time.monotonic()
        if self._run is None or process is None or now - self._looked < SYSTEM_S:
            return
        from mlflow.entities import Metric

        self._looked, stamp = now, int(time.time() * 1000)
        points = [
            Metric(f"system/{n}", v, stamp, self._step) for n, v in _system(process).items()
        ]
        client.log_batch(self._run, metrics=points)


def _system(process: int) -> dict[str, float]:
    import psutil

    try:
        training = psutil.Process(process)
        memory, cpu = training.memory_info().rss, training.cpu_percent(interval=0.1)
    except psutil.Error:
        return {}
    return {"cpu_percent": cpu, "memory_bytes": float(memory), **_gpus()}


def _gpus() -> dict[str, float]:
    try:
        import pynvml
    except ImportError:
        return {}
    try:
        pynvml.nvmlInit()
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())
        ]
        return {
            f"gpu_{n}_percent": float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
            for n, handle in enumerate(handles)
        }
    except pynvml.NVMLError:
        return {}


def main() -> None:
    """Send the spool of the command line, following it if a training started this process."""
    os.nice(NICE)
    uri, spool, *following = sys.argv[1:]
    send(uri, Path(spool), int(following[0]) if following else None)


if __name__ == "__main__":
    main()
