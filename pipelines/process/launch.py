"""The parent's side of a stage: start it, follow it, stop it, and turn its end into ours.

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
from pipelines.process.pump import Child, Pump
from pipelines.process.spawn import Channels, Exit, Spawned

GRACE_S = 3.5
TOLD_LINES = 5

# What an exit code says where no event does (usage errors of the command line, for one).
_BY_EXIT_CODE = {cls.exit_code: cls for cls in (ConfigError, PermanentError)}


@dataclass(frozen=True, slots=True)
class Ended:
    """A stage that is done.

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
    """Run one stage in a process of its own and wait for it.

    As :class:`StageProcess`, for a caller that has no use for ``stop``.
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
    """One run of one stage in a process of its own.

    Args:
        argv: What follows ``python -m pipelines``.
        on_event: Gets each event, in the thread that calls :meth:`run`.
        on_line: Gets each line the child prints (stdout and stderr together).
        server: Whether a fork of the preloaded server will do. TensorFlow and Dask clusters
            want a new interpreter (False).
        grace_s: Seconds between SIGTERM and SIGKILL. Airflow gives a task 5 seconds in all.
        env: Variables beside those that a stage gets of this process (``environ.py``).
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
        self._name = " ".join(takewhile(lambda word: not word.startswith("-"), argv)) or module
        self._child: Child | None = None
        self._kill_at: float | None = None
        self._told_to_stop = False
        self._kills = OomKills("", 0)

    def run(self) -> Ended:
        """Run the stage to its end, in a thread that lives as long.

        Raises:
            PipelineError: What the stage raised, as it raised it, the child's traceback noted.
            OutOfMemoryError: It was killed (SIGKILL), and the kernel counted kills for want of
                memory meanwhile, or keeps no count that we can read.
            StageStoppedError: It was stopped.
            WorkerLostError: A signal ended it for another reason, or its fork server went away.
            TransientError: It ended with a code and no reason.
        """
        started, self._kills = time.monotonic(), oom_kills()
        child, channels = self._start()
        pump = Pump(child, channels, self._on_event, self._on_line)
        try:
            try:
                self._publish(child)
                pump.follow(lambda: self._kill_at)
            except BaseException:  # Airflow's timeout is a BaseException
                self.stop()
                pump.follow(lambda: self._kill_at, quiet=True)
                raise
            finally:
                ended = child.reap()
        finally:
            sweep()  # one that was killed could not remove its temporary folder
            pump.close()
            channels.close()
        return self._outcome(pump, ended, time.monotonic() - started)

    def stop(self) -> None:
        """Ask the child to stop, and have it killed after the grace.

        It neither blocks nor logs, and may be called at any time, from a signal handler too,
        as often as one likes. :meth:`run` enforces the grace.
        """
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._grace_s
        child = self._child
        if child is not None and not self._told_to_stop:
            self._told_to_stop = True
            child.signal(signal.SIGTERM)

    def _publish(self, child: Child) -> None:
        """Let ``stop`` reach the child, also a ``stop`` that came before there was one."""
        self._child = child
        if self._kill_at is not None:
            self.stop()

    def _start(self) -> tuple[Child, Channels]:
        """Start the child, from the fork server where that is wanted and works."""
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
        # New pipes: a fork that was given up must not write into those of its replacement.
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

    def _outcome(self, pump: Pump, ended: Exit, seconds: float) -> Ended:
        """Turn the child's end into a result, or raise what it means."""
        if self._is_stopping() or ended.stopped:
            raise StageStoppedError(
                f"{self._name}: stopped after {seconds:.1f} s (its process ended with "
                f"{_described(ended.code)}). Run it again; it goes on from what it published."
            )
        peak_bytes = max(
            int(str(pump.usage.get("peak_memory_bytes", 0))) or ended.max_rss_bytes,
            pump.peak_seen_bytes,
        )
        if pump.error is not None and ended.code is not None and ended.code >= 0:
            raise _rebuilt(pump.error)
        if ended.code == 0 and pump.result is not None:
            forked = not isinstance(self._child, Spawned)
            return Ended(pump.result, ended.cpu_seconds, peak_bytes, forked)
        raise self._failure(pump, ended.code, seconds, peak_bytes)

    def _failure(
        self, pump: Pump, code: int | None, seconds: float, peak_bytes: int
    ) -> PipelineError:
        """Say what an end without a word of the stage itself means."""
        if code is None:
            return WorkerLostError(
                f"{self._name}: the fork server went away after {seconds:.1f} s, and the "
                f"stage with it. The next try starts another."
            )
        if code == -signal.SIGKILL:
            return self._killed(seconds, peak_bytes)
        last = " | ".join(list(pump.lines.tail)[-TOLD_LINES:]) or "nothing"
        told = f"{self._name}: ended with {_described(code)} after {seconds:.1f} s and told "
        if code < 0 and pump.lines.of_memory:
            return OutOfMemoryError(
                f"{told}no error, but printed of memory: {pump.lines.of_memory[:200]}; the peak seen was "
                f"{_mib(peak_bytes)}. Run it again with smaller partitions or batches, or on a "
                f"machine with more memory."
            )
        if code < 0:
            return WorkerLostError(f"{told}no error. It printed last: {last}. Run it again.")
        if code == 0:
            return PermanentError(
                f"{told}no result. It printed last: {last}. Report this fault."
            )
        cls = _BY_EXIT_CODE.get(code, TransientError)
        return cls(f"{told}no error. It printed last: {last}")

    def _killed(self, seconds: float, peak_bytes: int) -> PipelineError:
        """Say whether it was the kernel for want of memory, as far as that can be known."""
        # A fork of the server is in the server's control group, whose count is not ours.
        now = oom_kills() if isinstance(self._child, Spawned) else OomKills("", 0)
        told = f"{self._name}: killed (SIGKILL) after {seconds:.1f} s, "
        peak = f"the peak seen was {_mib(peak_bytes)}"
        if now.place and not now.since(self._kills):
            return WorkerLostError(
                f"{told}and the kernel counted no out-of-memory kill meanwhile; {peak}. Somebody or "
                f"something else ended it. Run it again; it goes on from what it published."
            )
        why = "by the kernel's out-of-memory killer" if now.place else "most likely for memory"
        return OutOfMemoryError(
            f"{told}{why}; {peak}. Run it again with smaller partitions or batches, or on a "
            f"machine with more memory."
        )


def _mib(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:,.0f} MiB" if n_bytes else "not seen"


def _described(code: int | None) -> str:
    """Name an exit code, or the signal it stands for."""
    if code is None:
        return "no known exit code"
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _rebuilt(event: Mapping[str, object]) -> PipelineError:
    """Make the child's error again, with its traceback as a note."""
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
