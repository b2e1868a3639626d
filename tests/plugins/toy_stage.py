"""A stage that does what its ``--option name=value`` says, in a process of its own."""

import os
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

from pipelines.core import errors
from pipelines.core.events import Reporter, dashboard, reporting
from pipelines.process.child import run_child

FATES = ("promoted", "superseded")


def work(sink):
    asked = dict(
        word.split("=", 1) for before, word in pairwise(sys.argv) if before == "--option"
    )
    report = Reporter("toy ds=2026-01-05", sink)
    report.log("half is done")
    print("a line of a library")
    tries = note_pid(Path(asked["pid"])) if "pid" in asked else 1
    if asked.get("dashboard"):
        with reporting(report):
            dashboard(asked["dashboard"])
    if asked.get("raise"):
        if asked.get("also"):
            report.also(asked["also"].split(","))
        raise getattr(errors, asked["raise"])(asked.get("message", "as asked"))
    if asked.get("do") == "die" or (asked.get("do") == "die_once" and tries == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if asked.get("do") == "wait" or (asked.get("do") == "wait_once" and tries == 1):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.05)
    fate = asked.get("answered_why")  # any option that is a text
    more = promotion(fate) if fate in FATES else {}
    if asked.get("do") == "train":
        train(report, Path(asked["until"]))
    digest = asked.get("digest", "d")
    result = {"uri": "file:///x", "digest": digest, "rows": 7, "argv": sys.argv[1:]}
    report.result(result | more)
    return 0


def promotion(fate):
    facts = {"verdict": "BETTER", "fate": fate, "changed": fate == "promoted"}
    return facts | {"model_digest": "m"}


def train(report, until):
    """Report steps until the file exists."""
    deadline = time.monotonic() + 120
    for step in range(1, 10_000):
        if until.exists() or time.monotonic() > deadline:
            return
        values = {"epoch": 2, "epochs": 3, "step": step, "loss": 0.5, "input_stall": 0.004}
        report.progress(step, 10_000, values=values)
        time.sleep(0.05)


def note_pid(path):
    """Add this process to the file of all tries, and return how many there were."""
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return len(path.read_text().split())


if __name__ == "__main__":
    run_child(work, name="toy")
