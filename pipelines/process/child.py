"""The child's side of a stage: emit events, end with the parent, stop on request.

Why: the process that started the stage may be cleared, time out or be killed; the stage
    must finish its checkpoint in the first two cases and never run on in the third.
Promise: every end is reported (a result, or an ``error`` event that rebuilds the error) except
    a kill by the kernel. The first SIGTERM stops the stage, later ones do nothing.
Not here: reading the events (``launch.py``), the sinks themselves (``pipelines/core/events.py``).

The process ends by ``os._exit``, which spares seconds of interpreter shutdown: a stage closes
its writers, its MLflow run and its Dask cluster before it returns.
"""

import ctypes
import faulthandler
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from pipelines.core.causes import sorted_by_cause, unexpected
from pipelines.core.errors import (
    PermanentError,
    PipelineError,
    StageStoppedError,
    TransientError,
)
from pipelines.core.events import Reporter, Sink, describe_error, to_log, to_pipe
from pipelines.core.memory import peak_memory_bytes
from pipelines.core.temporary import drop_own_folder, use_own_folder
from pipelines.process.deadline import TIME_LIMIT_S, set_limit
from pipelines.process.wire import ALIVE_FD, EVENTS_FD, PARENT

PR_SET_PDEATHSIG = 1
ORPHAN_GRACE_S = 3.0

log = logging.getLogger("millrace")


@dataclass(slots=True)
class _Stop:
    """Whether a stop of this process was requested, and what to do then."""

    requested: bool = False
    overdue: bool = False
    callback: Callable[[], None] | None = None


_stop = _Stop()


def stop_requested() -> bool:
    """Return whether a stop of this stage was requested. Training checks it after each batch."""
    return _stop.requested


def on_stop(callback: Callable[[], None] | None) -> None:
    """Have ``callback`` called in the main thread when this stage is requested to stop.

    Without one, :class:`StageStoppedError` is raised wherever the main thread is. A stage that
    sets a flag instead checks it often enough to write its checkpoint within 4 seconds, and
    then raises that error itself. ``None`` restores the default of raising.
    """
    _stop.callback = callback


def run_child(
    work: Callable[[Sink], int], *, name: str, time_limit_s: float = TIME_LIMIT_S
) -> NoReturn:
    """Run a stage as this process's only task, report how it ended, and exit.

    Args:
        work: The stage. Gets the sink for its events, returns the exit code (0: done).
        name: Stage and key, as every line of the log names it.
        time_limit_s: Seconds after which it is stopped and reported as a ``TransientError``; 0
            for no limit.

    The exit code is 0 for done, else the error's: 2 configuration, 3 permanent, 4 transient.
    """
    events_fd = _inherited_fd(EVENTS_FD)
    sink = to_log if events_fd is None else to_pipe(events_fd)
    _guard(_inherited_fd(ALIVE_FD), os.environ.pop(PARENT, None))
    try:
        use_own_folder()
        signal.signal(signal.SIGTERM, _on_sigterm)
        set_limit(time_limit_s, _note_overdue)
        code = work(sink)
    # Everything, SystemExit and KeyboardInterrupt included, so that every end has a reason.
    except BaseException as error:
        # Nothing is left to stop but this report.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if _stop.overdue:
            error = _caused(_too_long(name, time_limit_s), error)
        code = _report_error(error, Reporter(name, sink), by_hand=events_fd is None)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sink({"event": "usage", "work": name, **usage()})
    leave(code)


def usage() -> dict[str, object]:
    """What this process has used so far, the children it has waited for included.

    ``peak_memory_bytes`` is that of the largest single process, not the sum of a Dask tree.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = time.process_time() + children.ru_utime + children.ru_stime
    peak = max(peak_memory_bytes(), children.ru_maxrss * 1024)
    return {"cpu_seconds": cpu_seconds, "peak_memory_bytes": peak}


def leave(code: int) -> NoReturn:
    """Flush what this process wrote and end it at once, without interpreter shutdown."""
    drop_own_folder()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the reader may be gone
            stream.flush()
    os._exit(code)


def _report_error(error: BaseException, reporter: Reporter, *, by_hand: bool) -> int:
    """Report an error to the parent or the log, and return its exit code."""
    if isinstance(error, KeyboardInterrupt):
        error = _caused(StageStoppedError(f"{reporter.work}: stopped from the keyboard"), error)
    elif isinstance(error, Exception) and not isinstance(error, PipelineError):
        error = _ours(error, reporter.work)
    reporter.error(error)
    fields = describe_error(error)
    if by_hand:
        said = str(fields["message"])
        named = said.startswith((f"{reporter.work}: ", f"{reporter.work} "))
        log.error("%s", said if named else f"{reporter.work}: {said}")
        log.debug("%s", fields["traceback"])
    kind = TransientError if fields["kind"] == TransientError.__name__ else PermanentError
    return int(getattr(error, "exit_code", kind.exit_code))


def _ours(error: Exception, work: str) -> BaseException:
    """Convert an error of a library to one of ours; keep a usage error of the command line."""
    if hasattr(error, "show"):
        return error
    return sorted_by_cause(error, work) or unexpected(error, work)


def _caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def _on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Stop once; a second SIGTERM must not interrupt the checkpoint that the first one started."""
    if _stop.requested:
        return
    _stop.requested = True
    if _stop.callback is not None:
        _stop.callback()
        return
    raise StageStoppedError("stopped by SIGTERM before the stage was done; it may be run again")


def _note_overdue() -> None:
    _stop.overdue = True


def _too_long(name: str, time_limit_s: float) -> TransientError:
    return TransientError(
        f"{name}: not done after its time limit of {time_limit_s:,.0f} s, so it was stopped. What "
        f"each of its threads was doing is printed above. Run it again (it resumes from what it "
        f"published), or raise the option time_limit_s if it was merely slow."
    )


def _inherited_fd(variable: str) -> int | None:
    """Pop a file descriptor's number from the environment, so that children inherit neither."""
    text = os.environ.pop(variable, None)
    if text is None:
        return None
    os.set_inheritable(int(text), False)
    return int(text)


def _guard(alive_fd: int | None, parent: str | None) -> None:
    """Make this process end with its parent, however the parent ends.

    The kernel's signal reaches a child that sits in a long C call holding the GIL. The pipe
    gives a child whose fork server survives the time for a checkpoint.
    """
    faulthandler.enable()
    if parent is not None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != int(parent):  # it died before the line above took effect
            os._exit(1)
    if alive_fd is not None:
        threading.Thread(target=_end_at_eof, args=(alive_fd,), daemon=True).start()


def _end_at_eof(alive_fd: int) -> None:
    """Wait for the parent's end of the pipe to close, then stop this stage and its group."""
    while os.read(alive_fd, 1):
        pass
    nothing = os.open(os.devnull, os.O_WRONLY)
    for fd in (1, 2):  # they have no reader: the next print would fail inside the checkpoint
        os.dup2(nothing, fd)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_GRACE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
