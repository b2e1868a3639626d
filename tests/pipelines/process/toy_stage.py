"""A stage for tests: does one of a few small things, chosen by its first argument."""

# A stage that prints, imports late and draws is what these tests need.

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipelines.core.errors import ColumnMismatchError, ConfigError, SourceNotReadyError
from pipelines.core.events import Reporter, Sink
from pipelines.process import deadline
from pipelines.process.child import on_stop, run_child, stop_requested


def done(reporter: Reporter, *words: str) -> None:
    reporter.started(partition="2026-01-01")
    reporter.sink({"event": "progress", "done": 5, "total": 10})  # the reporter's waits 2 s
    print("hello from", os.getpid(), *words, flush=True)
    reporter.result({"rows": 10, "words": list(words)})


def environment(reporter: Reporter) -> None:
    reporter.result({"env": dict(os.environ), "cwd": str(Path.cwd()), "argv": sys.argv[1:]})


def network(reporter: Reporter, name: str) -> None:
    """Call the network of a user's pipeline."""
    from importlib import import_module

    from pipelines.spec import load

    module, _, function = load(name).model.function.rpartition(".")
    reporter.result({"width": getattr(import_module(module), function)({}, 1, width=7)})


def permanent(_reporter: Reporter) -> None:
    raise ColumnMismatchError("scale", ("amount",), ())


def transient(_reporter: Reporter) -> None:
    raise SourceNotReadyError("data/2026-01-01.csv is still growing")


def config(_reporter: Reporter) -> None:
    raise ConfigError("train.epochs must be above 0; got -1")


def ordinary(_reporter: Reporter) -> None:
    raise KeyError("amount")


def memory(_reporter: Reporter) -> None:
    raise MemoryError


def mute(_reporter: Reporter, code: str) -> None:
    print("about to leave", flush=True)
    os._exit(int(code))


def kill(_reporter: Reporter, signum: str) -> None:
    os.kill(os.getpid(), int(signum))


def abort(_reporter: Reporter, *words: str) -> None:
    sys.stderr.write(" ".join(words) + "\n")
    sys.stderr.flush()
    os.abort()


def fill(_reporter: Reporter, mib: str) -> None:
    print(len([bytearray(1 << 20) for _ in range(int(mib))]))


def wait(reporter: Reporter, mark: str = "") -> None:
    """Wait for long; leave a mark if stopped in good order."""
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    try:
        reporter.started(grandchild=grandchild.pid)
        while True:
            time.sleep(0.05)
    finally:
        if mark:
            Path(mark).write_text("stopped")


def checkpoint(reporter: Reporter, mark: str) -> None:
    """Stop by a flag, and need one second to write a checkpoint."""
    on_stop(lambda: print("asked to stop", flush=True))
    reporter.started()
    while not stop_requested():
        time.sleep(0.02)
    time.sleep(1.0)
    Path(mark).write_text("checkpoint")
    reporter.result({"checkpoint": mark})


def stubborn(reporter: Reporter) -> None:
    """Ignore SIGTERM and print without end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    reporter.started()
    while True:
        print("still here" * 10)


def stuck(reporter: Reporter, mark: str = "") -> None:
    """Sit in a C call that holds the GIL, deaf to any Python handler or thread."""
    reporter.started()
    sum(range(10**12))


def flood(reporter: Reporter) -> None:
    for number in range(50_000):
        print("line", number)
    print("half a bar\rwhole bar")
    reporter.result({})


def draw(reporter: Reporter) -> None:
    import random

    import numpy as np

    reporter.result({"python": random.random(), "numpy": float(np.random.random())})


def cluster(reporter: Reporter, *, then: str = "leave") -> None:
    import logging

    from dask.distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.ERROR)
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    client = Client(cluster)
    pid = client.submit(os.getpid).result(timeout=60)
    heavy = client.submit(lambda: "airflow" in sys.modules).result(timeout=60)
    reporter.started(worker=pid)
    reporter.result({"airflow": heavy})
    if then == "leave":
        os._exit(0)  # without closing it: the launcher has to clean up
    time.sleep(300)


def cluster_wait(reporter: Reporter) -> None:
    cluster(reporter, then="wait")


def validate(reporter: Reporter) -> None:
    """What a small validation stage does."""
    import logging

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.captureWarnings(False)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("frames")
    batch = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("all")
    frame = pd.DataFrame({"amount": [1.0, 2.0, None]})
    found = batch.get_batch({"dataframe": frame}).validate(
        gx.expectations.ExpectColumnValuesToNotBeNull(column="amount")
    )
    reporter.result({"success": bool(found.success), "preloaded": "mlflow" in sys.modules})


def main() -> None:
    action, *words = sys.argv[1:]

    def work(sink: Sink) -> int:
        globals()[action](Reporter(action, sink), *words)
        return 0

    deadline.GRACE_S = float(os.environ.get("TOY_GRACE_S", "60"))
    limit_s = float(os.environ.get("TOY_TIME_LIMIT_S", "60"))
    run_child(work, name=action, time_limit_s=limit_s)


if __name__ == "__main__":
    main()
