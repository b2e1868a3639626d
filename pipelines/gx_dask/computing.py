"""What the engine's passes run on, and how their failures leave Great Expectations.

Why: a suite needs several passes, and a cluster is too dear to start for each; and Great
    Expectations swallows every exception that an engine raises, so that a lost worker would
    read like bad data.
Promise: a cluster started here is kept for the process and stopped at its end, or by
    ``close_computes``. An interrupted pass reaches the caller of a checkpoint as the error
    that interrupted it.
"""

import atexit
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

from dask.delayed import Delayed

from pipelines.core.errors import PipelineError
from pipelines.shared.compute import ComputeSettings, choose_backend, open_compute, this_machine
from pipelines.shared.compute.compute import Compute

_given: ContextVar[Compute | None] = ContextVar("compute", default=None)
_opened: dict[Any, Compute] = {}
_stack = ExitStack()
_lock = Lock()


class Interrupted(BaseException):
    """Carries an error through Great Expectations, which lets only a BaseException pass.

    Attributes:
        error: What interrupted the pass.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))


@contextmanager
def using(compute: Compute) -> Iterator[None]:
    """Run the passes of whatever is validated inside on this."""
    token = _given.set(compute)
    try:
        yield
    finally:
        _given.reset(token)


def compute_for(rows: int, settings: ComputeSettings) -> Compute:
    """What passes over so many rows run on: what ``using`` gave, or one that is kept."""
    given = _given.get()
    if given is not None:
        return given
    with _lock:
        key = (choose_backend(rows, settings, this_machine()), settings)
        if key not in _opened:
            _opened[key] = _stack.enter_context(open_compute(rows, settings))
        return _opened[key]


def close_computes() -> None:
    """Stop the clusters that were started here."""
    with _lock:
        _opened.clear()
        _stack.close()


def run(compute: Compute, tasks: Sequence[Delayed]) -> list[Any]:
    """Run tasks of a pass.

    Raises:
        Interrupted: The pass did not come to an end: a worker was lost, memory ran out, a file
            could not be read.
    """
    try:
        return compute.run(tasks)
    except (PipelineError, MemoryError) as error:
        raise Interrupted(error) from error


atexit.register(close_computes)
