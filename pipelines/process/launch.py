"""The parent's side of a stage: start it, monitor it, stop it, and convert its exit.

Why: Airflow, the command line and a test run the same child and need the same answer: a
    result, or one of our errors, which says whether a retry can help.
Promise: when :meth:`StageProcess.run` returns or raises, the child and its group are gone.
    :meth:`StageProcess.stop` never blocks and never logs, so a signal handler may call it.
Not here: the child's side (``child.py``), the fork server (``server.py``).
"""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from pipelines.core.errors import (
    ConfigError,
    OutOfMemoryError,
    PermanentError,
    PipelineError,
    StageStoppedError,
    TransientError,
    WorkerLostError,
    rebuild,
)
from pipelines.core.oom_kills import OomKills, oom_kills
from pipelines.core.temporary import sweep
from pipelines.process.client import ServerError, fork
from pipelines.process.environ import child_environ
from pipelines.process.monitor import Child, ChildMonitor
from pipelines.process.spawn import Channels, Exit, Spawned

GRACE_S = 3.5
LAST_LINES = 5

# What an exit code means where no event was emitted (usage errors of the command line, for one).
_BY_EXIT_CODE = {cls.exit_code: cls for cls in (ConfigError, PermanentError)}


@dataclass(frozen=True, slots=True)
class Ended:
    """A stage that has finished.

    Attributes:
        result: Fields of its ``result`` event.
        cpu_seconds: User and system time by the kernel's count (``wait4``), of the processes
            it started and waited for as well.
        peak_memory_bytes: The child's own VmHWM, or that of the largest process it waited for:
            one process, not the sum of a Dask cluster. A fork of the server starts at the
            server's size, of which it shares what it does not change.
        forked: Whether the fork server ran it, rather than a new interpreter.
    """

    result: Mapping[str, object]
    cpu_seconds: float
    peak_memory_bytes: int
    forked: bool


def run_stage(
    argv: Sequence[str],
    *,
    on_event: Callable[[Mapping[str, object]], None],
    on_line: Callable[[str], None],
    server: bool = True,
    grace_s: float = GRACE_S,
    env: Mapping[str, str] | None = None,
    module: str = "pipelines",
) -> Ended:
    """Run one stage in its own process and wait for it.

    As :class:`StageProcess`, for a caller that does not need ``stop``.
    """
    process = StageProcess(
        argv,
        on_event=on_event,
        on_line=on_line,
        server=server,
        grace_s=grace_s,
        env=env,
        module=module,
    )
    return process.run()


class StageProcess:
    """One run of one stage in its own process.

    Args:
        argv: What follows ``python -m pipelines``.
        on_event: Called with each event, in the thread that calls :meth:`run`.
        on_line: Called with each line the child prints (stdout and stderr together).
        server: Whether a fork of the preloaded server may run it. TensorFlow and Dask
            clusters need a new interpreter (False).
        grace_s: Seconds between SIGTERM and SIGKILL. Airflow gives a task 5 seconds in all.
        env: Variables in addition to those that a stage inherits (``environ.py``).
        module: What runs after ``python -m``.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        on_event: Callable[[Mapping[str, object]], None],
        on_line: Callable[[str], None],
        server: bool = True,
        grace_s: float = GRACE_S,
        env: Mapping[str, str] | None = None,
        module: str = "pipelines",
    ) -> None:
        self._argv, self._module = list(argv), module
        self._on_event, self._on_line = on_event, on_line
        self._server, self._grace_s, self._env = server, grace_s, env
        self._name = " ".join(takewhile(lambda arg: not arg.startswith("-"), argv)) or module
        self._child: Child | None = None
        self._kill_at: float | None = None
        self._stop_sent = False
        self._kills = OomKills("", 0)

    def run(self) -> Ended:
        """Run the stage to its end; the calling thread must live as long.

        Raises:
            PipelineError: The error that the stage raised, with the child's traceback as a note.
            OutOfMemoryError: It was killed (SIGKILL), and the kernel counted out-of-memory
                kills meanwhile, or keeps no count that we can read.
            StageStoppedError: It was stopped.
            WorkerLostError: A signal ended it for another reason, or its fork server went away.
            TransientError: It ended with a code and no reason.
        """
        started, self._kills = time.monotonic(), oom_kills()
        child, channels = self._start()
        monitor = ChildMonitor(child, channels, self._on_event, self._on_line)
        try:
            try:
                self._publish(child)
                monitor.follow(lambda: self._kill_at)
            except BaseException:  # Airflow's timeout is a BaseException
                self.stop()
                monitor.follow(lambda: self._kill_at, quiet=True)
                raise
            finally:
                ended = child.reap()
        finally:
            sweep()  # one that was killed could not remove its temporary folder
            monitor.close()
            channels.close()
        return self._outcome(monitor, ended, time.monotonic() - started)

    def stop(self) -> None:
        """Request the child to stop, and have it killed after the grace period.

        It neither blocks nor logs, and may be called at any time and any number of times, from
        a signal handler too. :meth:`run` enforces the grace period.
        """
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._grace_s
        child = self._child
        if child is not None and not self._stop_sent:
            self._stop_sent = True
            child.signal(signal.SIGTERM)

    def _publish(self, child: Child) -> None:
        """Let ``stop`` reach the child, also a ``stop`` that was called before it started."""
        self._child = child
        if self._kill_at is not None:
            self.stop()

    def _start(self) -> tuple[Child, Channels]:
        """Start the child, from the fork server where that is enabled and works."""
        env = child_environ(self._env)
        if self._server:
            channels = Channels.make()
            try:
                child: Child = fork(
                    self._module, self._argv, env, channels, cancelled=self._is_stopping
                )
            except ServerError as error:
                channels.close()
                self._on_line(f"[fork server not used, a new interpreter is: {error}]")
            except BaseException:
                channels.close()
                raise
            else:
                channels.close(*channels.theirs)
                return child, channels
        # New pipes: an abandoned fork must not write into those of its replacement.
        channels = Channels.make()
        try:
            child = Spawned(self._module, self._argv, env, channels)
        except BaseException:
            channels.close()
            raise
        channels.close(*channels.theirs)
        return child, channels

    def _is_stopping(self) -> bool:
        return self._kill_at is not None

    def _outcome(self, monitor: ChildMonitor, ended: Exit, seconds: float) -> Ended:
        """Convert the child's exit into a result, or raise the error it means."""
        if self._is_stopping() or ended.stopped:
            raise StageStoppedError(
                f"{self._name}: stopped after {seconds:.1f} s (its process ended with "
                f"{_described(ended.code)}). Run it again; it resumes from what it published."
            )
        peak_bytes = max(
            int(str(monitor.usage.get("peak_memory_bytes", 0))) or ended.max_rss_bytes,
            monitor.peak_seen_bytes,
        )
        if monitor.error is not None and ended.code is not None and ended.code >= 0:
            raise _rebuilt(monitor.error)
        if ended.code == 0 and monitor.result is not None:
            forked = not isinstance(self._child, Spawned)
            return Ended(monitor.result, ended.cpu_seconds, peak_bytes, forked)
        raise self._failure(monitor, ended.code, seconds, peak_bytes)

    def _failure(
        self, monitor: ChildMonitor, code: int | None, seconds: float, peak_bytes: int
    ) -> PipelineError:
        """Return the error for an exit without an event of the stage itself."""
        if code is None:
            return WorkerLostError(
                f"{self._name}: the fork server went away after {seconds:.1f} s, and the "
                f"stage with it. Run it again; the next run starts a new server."
            )
        if code == -signal.SIGKILL:
            return self._killed(seconds, peak_bytes)
        last = " | ".join(list(monitor.lines.tail)[-LAST_LINES:]) or "nothing"
        ended = (
            f"{self._name}: ended with {_described(code)} after {seconds:.1f} s and reported "
        )
        if code < 0 and monitor.lines.of_memory:
            return OutOfMemoryError(
                f"{ended}no error, but printed about memory: {monitor.lines.of_memory[:200]}; the peak seen "
                f"was {_mib(peak_bytes)}. Run it again with smaller partitions or batches, or on a "
                f"machine with more memory."
            )
        if code < 0:
            return WorkerLostError(f"{ended}no error. It printed last: {last}. Run it again.")
        if code == 0:
            return PermanentError(
                f"{ended}no result. It printed last: {last}. Report this bug."
            )
        cls = _BY_EXIT_CODE.get(code, TransientError)
        return cls(f"{ended}no error. It printed last: {last}")

    def _killed(self, seconds: float, peak_bytes: int) -> PipelineError:
        """Return the error for SIGKILL: out of memory, unless the kernel's count rules it out."""
        # A fork of the server is in the server's control group, whose count is not ours.
        now = oom_kills() if isinstance(self._child, Spawned) else OomKills("", 0)
        killed = f"{self._name}: killed (SIGKILL) after {seconds:.1f} s, "
        peak = f"the peak seen was {_mib(peak_bytes)}"
        if now.scope and not now.since(self._kills):
            return WorkerLostError(
                f"{killed}and the kernel counted no out-of-memory kill meanwhile; {peak}. A person or "
                f"another process ended it. Run it again; it resumes from what it published."
            )
        why = "by the kernel's out-of-memory killer" if now.scope else "most likely for memory"
        return OutOfMemoryError(
            f"{killed}{why}; {peak}. Run it again with smaller partitions or batches, or on a "
            f"machine with more memory."
        )


def _mib(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:,.0f} MiB" if n_bytes else "not seen"


def _described(code: int | None) -> str:
    """Describe an exit code, or the signal it stands for."""
    if code is None:
        return "no known exit code"
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _rebuilt(event: Mapping[str, object]) -> PipelineError:
    """Rebuild the child's error, with its traceback as a note."""
    args = event.get("args")
    error = rebuild(
        str(event.get("cls")),
        args if isinstance(args, list) else [],
        str(event.get("message")),
        str(event.get("kind")),
    )
    if traceback := event.get("traceback"):
        error.add_note(f"In the stage's own process:\n{traceback}")
    return error
