"""The demonstration: simulated rows of one or more pipelines become evaluated models, in Airflow's own UI.

Why: one command on a bare machine must show the whole of it, and leave something to explore.
Promise: every process it started is gone when it has ended, by Ctrl-C, SIGTERM or an error;
    a second run finds the first one's work.
Not here: the steps (``flow.py``), Airflow itself (``stack.py``), the table (``outcome.py``).
"""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType

from rich.console import Console

from pipelines.core.errors import ConfigError, PipelineError
from pipelines.core.installation import checkout
from pipelines.drivers.local.bounds import require_possible
from pipelines.drivers.local.console import Terminal
from pipelines.drivers.local.demo_window import Window
from pipelines.drivers.local.flow import Flow
from pipelines.drivers.local.home import USER, Home
from pipelines.drivers.local.machine import Room, choose_port, require_disk, room
from pipelines.drivers.local.outcome import print_outcome
from pipelines.drivers.local.published import Published
from pipelines.drivers.local.stack import Stack, StackSettings, started
from pipelines.drivers.local.stack import stop as stop_stack
from pipelines.shared.compute.machine import usable_cores
from pipelines.spec import Pipeline, declared_names, load
from pipelines.spec.simulation import SimulationModule, simulation_of

WATCH_S = 1.0


class _StopAskedError(Exception):
    """Ctrl-C or SIGTERM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A pipeline that is shown.

    Attributes:
        pipeline: Its declaration.
        simulation: Its simulation.
        window: What is simulated.
    """

    pipeline: Pipeline
    simulation: SimulationModule
    window: Window

    def missing_days(self, home: Home) -> Sequence[str]:
        """Days that its source does not have yet."""
        return self.window.missing_days(self.simulation, home, self.pipeline.name)


def serve(
    home: Path = Path(".millrace"),
    names: Sequence[str] = (),
    *,
    partitions: int | None = None,
    size: int | None = None,
    port: int = 8080,
    exit_at_end: bool = False,
) -> None:
    """Simulate, start Airflow, backfill, train, evaluate, report; then keep Airflow up until Ctrl-C.

    Args:
        home: Folder of the store, the sources, Airflow's database and the logs.
        names: Names of pipelines, one after another; all that have a simulation if there is none.
        partitions: Number of partitions of the first run, which ends with the last that is over; None for each
            simulation's own number.
        size: Size of the simulation; None for its own.
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
    wanted = [_numbers(name, partitions, size) for name in names or _simulated()]
    for pipeline, number, much in wanted:
        require_possible(pipeline, today, partitions=number, size=much, port=port)
    own = Home.at(home)
    try:
        with _stop_on_signals():
            shown = [
                _Shown(
                    pipeline=pipeline,
                    simulation=simulation_of(pipeline.name),
                    window=Window.recorded(
                        own, pipeline, partitions=number, size=much, today=today
                    ),
                )
                for pipeline, number, much in wanted
            ]
            _serve(own, terminal, shown, port, exit_at_end=exit_at_end)
    except _StopAskedError:
        terminal.line(f"Stopped. What was made stays in {own.root}.")


def _simulated() -> list[str]:
    """Names of the pipelines that have a simulation."""
    found = []
    for name in declared_names():
        with suppress(ConfigError):
            simulation_of(name)
            found.append(name)
    return found


def _numbers(name: str, partitions: int | None, size: int | None) -> tuple[Pipeline, int, int]:
    shown = simulation_of(name).DEMONSTRATION
    return (
        load(name),
        shown.partitions if partitions is None else partitions,
        shown.size if size is None else size,
    )


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
    home: Home, terminal: Terminal, shown: Sequence[_Shown], port: int, *, exit_at_end: bool
) -> None:
    space = _preflight(home, shown)
    chosen = choose_port(port)
    if chosen != port:
        terminal.line(f"Port {port} is taken: Airflow's UI will be on {chosen}.")
    for each in shown:
        _simulate(home, each, terminal)
    settings = StackSettings(
        port=chosen, parallelism=space.parallelism, variables=_variables(home, shown)
    )
    with ExitStack() as held:
        with terminal.phase("start Airflow"):
            stack = held.enter_context(
                started(home, settings, partial(terminal.line, style="yellow"))
            )
        held.callback(terminal.line, "stopping Airflow ...")
        stack.api.set_pool("stages", space.stages, "Stages at a time: one a core.")
        stack.api.set_pool("gpu", 1, "Training at a time.")
        try:
            for each in shown:
                published = Published(pipeline=each.pipeline, home=home, window=each.window)
                _work(Flow(stack=stack, published=published, terminal=terminal))
        except PipelineError as error:
            if exit_at_end:
                raise
            # Airflow's UI has the logs that say why.
            terminal.line(f"error: {error}", style="red")
        if not exit_at_end:
            _keep_up(stack, terminal)


def _variables(home: Home, shown: Sequence[_Shown]) -> dict[str, str]:
    found = {"millrace_store": f"file://{home.store}"}
    for each in shown:
        name = each.pipeline.name
        found[f"millrace_source_{name}"] = str(home.source_of(name))
        found[f"millrace_history_from_{name}"] = each.window.first_day
    return found


def _preflight(home: Home, shown: Sequence[_Shown]) -> Room:
    """Refuse what would fail later: a disk or a memory too small."""
    rows = (
        len(each.missing_days(home)) * each.window.size * each.simulation.SIZE.rows_a_day
        for each in shown
    )
    require_disk(home.root, round(sum(rows)))
    return room()


def _simulate(home: Home, shown: _Shown, terminal: Terminal) -> None:
    window, missing = shown.window, shown.missing_days(home)
    name, size = shown.pipeline.name, shown.simulation.SIZE
    if not missing:
        terminal.line(f"simulate {name}: {window.first} to {window.last} are there already")
        return
    number = len(window.calendar.of_days(missing[0], missing[-1]))
    title = f"simulate {name}: {number} {window.grain}s, {window.size:,} {size.counts}"
    with terminal.phase(title) as phase:
        window.write(
            shown.simulation,
            home,
            name,
            min(usable_cores(), number),
            lambda done, total, rows: phase.progress(done, total, size.parts, rows),
        )


def _work(flow: Flow) -> None:
    flow.wait_for_dags()
    flow.take_in()
    flow.make_first_model()
    as_of = flow.make_model()
    scored = flow.score(as_of)
    print_outcome(flow.terminal, flow.published, as_of, scored)


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
