"""The child's side of a stage: tell what happens, die with the parent, stop when asked.

Why: the process that asked for the stage may be cleared, time out or be killed; the stage
    must finish its checkpoint in the first two cases and never run on in the third.
Promise: every end is told (a result, or an ``error`` event that rebuilds the error) except
    one that the kernel brings about. The first SIGTERM stops the stage, later ones do nothing.
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
    """Whether this process was asked to stop, and what to do then."""

    requested: bool = False
    overdue: bool = False
    callback: Callable[[], None] | None = None


_stop = _Stop()


def stop_requested() -> bool:
    """Tell whether this stage was asked to stop. Training asks at each batch's end."""
    return _stop.requested


def on_stop(callback: Callable[[], None] | None) -> None:
    """Have ``callback`` called in the main thread when this stage is asked to stop.

    Without one, :class:`StageStoppedError` is raised wherever the main thread is. A stage that
    sets a flag instead checks it often enough to write its checkpoint within 4 seconds, and
    then raises that error itself. ``None`` goes back to raising.
    """
    _stop.callback = callback


def run_child(
    work: Callable[[Sink], int], *, name: str, time_limit_s: float = TIME_LIMIT_S
) -> NoReturn:
    """Run a stage as this process's whole purpose, tell its end, and leave.

    Args:
        work: The stage. Gets the sink for its events, returns the exit code (0: done).
        name: Stage and key, as every line of the log names it.
        time_limit_s: Seconds after which it is stopped and told as a ``TransientError``; 0 for
            no limit.

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
    # Everything, SystemExit and KeyboardInterrupt included: an end nobody tells is a riddle.
    except BaseException as error:
        signal.signal(
            signal.SIGTERM, signal.SIG_IGN
        )  # nothing is left to stop but this telling
        if _stop.overdue:
            error = _caused(_too_long(name, time_limit_s), error)
        code = _tell_error(error, Reporter(name, sink), by_hand=events_fd is None)
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


def _tell_error(error: BaseException, reporter: Reporter, *, by_hand: bool) -> int:
    """Tell an error to whoever follows, and return the exit code it stands for."""
    if isinstance(error, KeyboardInterrupt):
        error = _caused(StageStoppedError(f"{reporter.work}: stopped from the keyboard"), error)
    elif isinstance(error, Exception) and not isinstance(error, PipelineError):
        error = _ours(error, reporter.work)
    reporter.error(error)
    fields = describe_error(error)
    if by_hand:
        log.error("%s: %s", reporter.work, fields["message"])
        log.debug("%s", fields["traceback"])
    kind = TransientError if fields["kind"] == TransientError.__name__ else PermanentError
    return int(getattr(error, "exit_code", kind.exit_code))


def _ours(error: Exception, work: str) -> BaseException:
    """Our error for a foreign one; a usage error of the command line stays what it is."""
    if hasattr(error, "show"):
        return error
    return sorted_by_cause(error, work) or unexpected(error, work)


def _caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def _on_sigterm(_signum: int, _frame: FrameType | None) -> None:
    """Stop once; a second SIGTERM must not interrupt the checkpoint the first one asked for."""
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
        f"each of its threads was doing is printed above. Try again (it goes on from what it "
        f"published), or raise the option time_limit_s if it was merely slow."
    )


def _inherited_fd(variable: str) -> int | None:
    """Take a file descriptor's number out of the environment: our children get neither."""
    text = os.environ.pop(variable, None)
    if text is None:
        return None
    os.set_inheritable(int(text), False)
    return int(text)


def _guard(alive_fd: int | None, parent: str | None) -> None:
    """Make this process end with the one that asked for it, however that one ends.

    The kernel's signal reaches a child that sits in a long C call holding the GIL. The pipe
    gives a child whose fork server lives on the time for a checkpoint.
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
    for fd in (1, 2):  # nobody reads them: the next print would spoil the checkpoint
        os.dup2(nothing, fd)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_GRACE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
