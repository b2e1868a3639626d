"""Which runner the engine's scans use now.

Why: a suite needs several scans, and a cluster is too dear to start for each.
Promise: a runner opened here is kept for the process and closed at its end, or by
    ``close_runners``.
Not here: the runners (``runners.py``).
"""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from threading import Lock

from pipelines.gx_dask import runners
from pipelines.gx_dask.errors import EngineSettingError
from pipelines.gx_dask.runners import OpenRunner, Runner, RunnerSettings

_given: ContextVar[Runner | None] = ContextVar("runner", default=None)
_openers: list[OpenRunner] = [runners.open_runner]
_opened: dict[tuple[RunnerSettings, bool], Runner] = {}
_stack = ExitStack()
_lock = Lock()


@contextmanager
def use_runner(runner: Runner) -> Iterator[None]:
    """Run the scans of whatever is validated inside on this.

    Raises:
        EngineSettingError: It is not a runner.
    """
    if not isinstance(runner, Runner):
        raise EngineSettingError(
            f"{type(runner).__name__} is not a runner. Expected an object with workers and run(tasks), "
            f"such as ThreadRunner() or ClientRunner(client)."
        )
    token = _given.set(runner)
    try:
        yield
    finally:
        _given.reset(token)


def open_with(opener: OpenRunner) -> None:
    """Open runners by this from now on, for tables validated without ``use_runner``."""
    _openers[0] = opener


def runner_for(rows: int, settings: RunnerSettings) -> Runner:
    """What scans of so many rows run on: what ``use_runner`` gave, or one that is kept."""
    given = _given.get()
    if given is not None:
        return given
    in_process = not settings.scheduler and rows < settings.in_process_below_rows
    with _lock:
        key = settings, in_process
        if key not in _opened:
            _opened[key] = _stack.enter_context(_openers[0](rows, settings))
        return _opened[key]


def close_runners() -> None:
    """Stop what was started here."""
    with _lock:
        _opened.clear()
        _stack.close()


atexit.register(close_runners)
