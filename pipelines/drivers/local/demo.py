"""The demonstration: 45 days of card transactions become an evaluated model, in Airflow's own UI.

Why: one command on a bare machine must show the whole of it, and leave something to explore.
Promise: every process it started is gone when it has ended, by Ctrl-C, SIGTERM or an error;
    a second run finds the first one's work.
Not here: the steps (``flow.py``), Airflow itself (``stack.py``), the table (``outcome.py``).
"""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType

from rich.console import Console

from pipelines.core.errors import ConfigError, PipelineError
from pipelines.core.installation import checkout
from pipelines.drivers.local.bounds import require_possible
from pipelines.drivers.local.console import Terminal
from pipelines.drivers.local.demo_days import Window
from pipelines.drivers.local.flow import Flow
from pipelines.drivers.local.home import USER, Home
from pipelines.drivers.local.machine import Room, choose_port, require_disk, room
from pipelines.drivers.local.outcome import print_outcome
from pipelines.drivers.local.published import Published
from pipelines.drivers.local.stack import Stack, StackSettings, started
from pipelines.drivers.local.stack import stop as stop_stack
from pipelines.shared.compute.machine import usable_cores
from pipelines.spec import load
from pipelines.spec.simulation import simulation_of

PIPELINE = "fraud_detection"
WATCH_S = 1.0


class _StopAskedError(Exception):
    """Ctrl-C or SIGTERM."""


def serve(
    home: Path = Path(".millrace"),
    *,
    days: int = 45,
    rows_per_day: int = 20_000,
    port: int = 8080,
    exit_at_end: bool = False,
) -> None:
    """Simulate, start Airflow, backfill, train, evaluate, report; then keep Airflow up until Ctrl-C.

    Args:
        home: Folder of the store, the source, Airflow's database and the logs.
        days: Days of the first run; it ends yesterday (UTC).
        rows_per_day: Expected transactions a day.
        port: Of Airflow's UI; the next free one if it is taken.
        exit_at_end: Stop Airflow when the work is done.

    Raises:
        ConfigError: This is not a checkout of the repository, a number is out of its bounds, the home holds other data, or its Airflow runs
            already.
        TransientError: Too little memory or disk is free.
        PermanentError: A component of Airflow died again and again, or, with ``exit_at_end``, a run failed.
    """
    _require_checkout()
    terminal = Terminal(Console())
    today = datetime.now(UTC).date().isoformat()
    require_possible(load(PIPELINE), today, days=days, rows_per_day=rows_per_day, port=port)
    own = Home.at(home)
    try:
        with _stop_on_signals():
            window = Window.recorded(own, days=days, rows_per_day=rows_per_day, today=today)
            _serve(own, terminal, window, port, exit_at_end=exit_at_end)
    except _StopAskedError:
        terminal.line(f"Stopped. What was made stays in {own.root}.")


def stop(home: Path = Path(".millrace")) -> None:
    """Stop what ``serve`` keeps running for this home, from another shell."""
    ended = stop_stack(Home.at(home))
    say = f"{ended} processes ended." if ended else "Nothing was running."
    Terminal(Console()).line(say)


def _require_checkout() -> None:
    """Refuse an installed library, which has no DAG files to show."""
    if checkout() is None:
        raise ConfigError(
            "`serve` shows the demonstration of Millrace's repository, and this Millrace is "
            "installed as a library, without its dags/ folder. In a project made by `millrace init` "
            "run `make serve`, which starts Airflow with the project's own DAGs."
        )


def _serve(
    home: Home, terminal: Terminal, window: Window, port: int, *, exit_at_end: bool
) -> None:
    space = _preflight(home, window)
    chosen = choose_port(port)
    if chosen != port:
        terminal.line(f"Port {port} is taken: Airflow's UI will be on {chosen}.")
    _simulate(home, window, terminal)
    variables = {
        "millrace_store": f"file://{home.store}",
        "millrace_source": str(home.source),
        "millrace_history_from": window.first,
    }
    settings = StackSettings(port=chosen, parallelism=space.parallelism, variables=variables)
    with ExitStack() as held:
        with terminal.phase("start Airflow"):
            stack = held.enter_context(
                started(home, settings, partial(terminal.line, style="yellow"))
            )
        held.callback(terminal.line, "stopping Airflow ...")
        stack.api.set_pool("stages", space.stages, "Stages at a time: one a core.")
        stack.api.set_pool("gpu", 1, "Training at a time.")
        published = Published(pipeline=load(PIPELINE), home=home, window=window)
        try:
            _work(Flow(stack=stack, published=published, terminal=terminal))
        except PipelineError as error:
            if exit_at_end:
                raise
            # Airflow's UI has the logs that say why.
            terminal.line(f"error: {error}", style="red")
        if not exit_at_end:
            _keep_up(stack, terminal)


def _preflight(home: Home, window: Window) -> Room:
    """Refuse what would fail later: a disk or a memory too small."""
    require_disk(home.root, len(window.missing_days(home)) * window.rows_per_day)
    return room()


def _simulate(home: Home, window: Window, terminal: Terminal) -> None:
    missing = len(window.missing_days(home))
    if not missing:
        terminal.line(f"simulate: {window.first} to {window.last} are there already")
        return
    with terminal.phase(f"simulate {missing} days of {window.rows_per_day:,} rows") as phase:
        window.write(
            simulation_of(PIPELINE),
            home,
            min(usable_cores(), missing),
            lambda done, total, rows: phase.progress(done, total, "days", rows),
        )


def _work(flow: Flow) -> None:
    flow.wait_for_dags()
    flow.take_in_days()
    as_of = flow.make_model()
    print_outcome(flow.terminal, flow.published, as_of)


def _keep_up(stack: Stack, terminal: Terminal) -> None:
    """Until a signal, or until a component cannot be kept at work."""
    terminal.line(f"Airflow: {stack.api.base}  user {USER}, password {stack.api.password}")
    terminal.line("Ctrl-C stops it, or `make stop` from another terminal.")
    while True:
        stack.require_alive()
        time.sleep(WATCH_S)


@contextmanager
def _stop_on_signals() -> Iterator[None]:
    """Turn the first Ctrl-C or SIGTERM into an exception; while stopping, later ones are ignored."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise _StopAskedError

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
