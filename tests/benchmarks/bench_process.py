"""What a small Great Expectations stage costs in a new interpreter and forked from the server.

Run: ``PYTHONPATH=. python tests/benchmarks/bench_process.py [--runs 5]``. It prints one line a
way and their ratio, and leaves no server behind. Bytecode must be compiled (the first run does
it, unless PYTHONDONTWRITEBYTECODE is set).
"""

import argparse
import os
import statistics
import tempfile
import time

from pipelines.process.launch import run_stage
from pipelines.process.server import stop_servers

TOY = "tests.pipelines.process.toy_stage"


def measure(*, server: bool, runs: int) -> tuple[float, float]:
    """Median CPU-seconds and wall seconds of the stage."""
    cpu_s, wall_s = [], []
    for _ in range(runs):
        started = time.monotonic()
        ended = run_stage(
            ["validate"],
            on_event=lambda _event: None,
            on_line=print,
            server=server,
            module=TOY,
        )
        wall_s.append(time.monotonic() - started)
        cpu_s.append(ended.cpu_seconds)
        if ended.forked != server:
            raise SystemExit("the fork server did not run the stage; see the line above")
    return statistics.median(cpu_s), statistics.median(wall_s)


def start_server() -> float:
    """Have a server started by a stage that does nothing; return the wall seconds."""
    started = time.monotonic()
    run_stage(["done"], on_event=lambda _event: None, on_line=lambda _line: None, module=TOY)
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="mr") as folder:
        os.environ["XDG_RUNTIME_DIR"] = tempfile.tempdir = folder
        try:
            measure(server=False, runs=1)  # compiles bytecode, fills the page cache
            spawn_cpu_s, spawn_wall_s = measure(server=False, runs=runs)
            start_wall_s = start_server()
            fork_cpu_s, fork_wall_s = measure(server=True, runs=runs)
        finally:
            stop_servers()
    print(f"new interpreter: {spawn_cpu_s:.2f} CPU-s, {spawn_wall_s:.2f} s wall a stage")
    print(f"fork server:     {fork_cpu_s:.2f} CPU-s, {fork_wall_s:.2f} s wall a stage")
    print(f"                 and once {start_wall_s:.1f} s wall to start the server")
    print(
        f"ratio:           {spawn_cpu_s / fork_cpu_s:.0f} by CPU, "
        f"{spawn_wall_s / fork_wall_s:.0f} by wall ({runs} runs each, medians)"
    )


if __name__ == "__main__":
    main()
