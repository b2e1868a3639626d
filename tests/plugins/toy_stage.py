"""A stage that does what its ``--option do=...`` says, in a process of its own."""

import os
import signal
import sys
import time
from pathlib import Path

from pipelines import errors
from pipelines.events import Reporter
from pipelines.process.child import run_child


def work(sink):
    asked = dict(
        word.split("=", 1)
        for before, word in zip(sys.argv, sys.argv[1:], strict=False)
        if before == "--option"
    )
    report = Reporter("toy ds=2026-01-05", sink)
    report.progress(50, 100)
    print("a line of a library")
    if "pid" in asked:
        Path(asked["pid"]).write_text(str(os.getpid()))
    if asked.get("raise"):
        raise getattr(errors, asked["raise"])(asked.get("message", "as asked"))
    if asked.get("do") == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if asked.get("do") == "wait":
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.05)
    report.result({"uri": "file:///x", "digest": "d", "rows": 7, "argv": sys.argv[1:]})
    return 0


if __name__ == "__main__":
    run_child(work, name="toy")
