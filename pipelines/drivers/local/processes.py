"""Finding and ending every process of a local Airflow.

Why: a scheduler has workers, tasks, stages and Dask workers below it, in sessions of their own,
    and one left behind holds the port, the database or the memory of the next start.
Promise: after ``end_all`` none of them runs; a process that is not ours is never signalled.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import psutil

# Time for a running stage to write its checkpoint, which it does within 4 seconds.
GRACE_S, HARD_GRACE_S = 6.0, 2.0
MARK = "MILLRACE_HOME"
"""In the environment of every process of the stack: the folder of its home."""


@dataclass(frozen=True, slots=True)
class Leader:
    """A process that was started as a component, leading a session of its own.

    Attributes:
        pid: Its process id, which is its session's too.
        created: When it was started, as psutil has it: the number alone may be used again.
    """

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "Leader":
        """The leader that runs under that number."""
        return cls(pid, psutil.Process(pid).create_time())


def stack_processes(home: Path, leaders: Iterable[Leader]) -> list[psutil.Process]:
    """Every process of the stack, itself and its ancestors left out.

    Three nets, as each has a hole: a process is below a component, in a component's session
    (also where the component is dead), or has the stack's mark in its environment (a process
    that renames itself overwrites that).
    """
    mine = _own_line()
    sessions = {leader.pid: leader for leader in leaders if not _is_replaced(leader)}
    others = (process for process in psutil.process_iter() if process.pid not in mine)
    found = {p.pid: p for p in others if _belongs(p, str(home), sessions)}
    below = chain.from_iterable(map(_descendants, sessions))
    found |= {process.pid: process for process in below}
    return [process for process in found.values() if _is_alive(process)]


def _own_line() -> set[int]:
    """This process and its ancestors."""
    return {os.getpid(), *(process.pid for process in psutil.Process().parents())}


def _descendants(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def end_all(home: Path, leaders: Iterable[Leader]) -> int:
    """End the stack: its components by SIGTERM, then what is left by SIGTERM, then by SIGKILL.

    Returns:
        How many processes there were.
    """
    leaders = list(leaders)
    every = stack_processes(home, leaders)
    numbers = {leader.pid for leader in leaders}
    _signal([p for p in every if p.pid in numbers], signal.SIGTERM)
    _wait(every, GRACE_S)
    # Tasks that were starting meanwhile, and those that outlived their component.
    for number, grace_s in ((signal.SIGTERM, HARD_GRACE_S), (signal.SIGKILL, HARD_GRACE_S)):
        left = _alive(every)
        left += [p for p in stack_processes(home, leaders) if p not in left]
        _signal(left, number)
        _wait(left, grace_s)
    return len(every)


def end_session(leader: Leader) -> None:
    """End a component and what it started, whether it is alive, dead or stopped."""
    for number, grace_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, HARD_GRACE_S)):
        left = [p for p in psutil.process_iter() if _is_in(p, {leader.pid: leader})]
        left = [] if _is_replaced(leader) else _alive(left)
        _signal(left, number)
        _wait(left, grace_s)


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped (SIGSTOP) and stands still."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def _belongs(process: psutil.Process, home: str, sessions: dict[int, Leader]) -> bool:
    if _is_in(process, sessions):
        return True
    try:
        return bool(process.environ().get(MARK) == home)
    except (psutil.Error, OSError):
        return False


def _is_in(process: psutil.Process, sessions: dict[int, Leader]) -> bool:
    """Whether a process is of such a session.

    A number is not given to another process while a session has it, so that of a dead leader
    still means its own; what a later session of that number left behind is not Airflow's.
    """
    try:
        leader = sessions.get(os.getsid(process.pid))
        if leader is None or process.create_time() < leader.created:
            return False
        return _is_same(leader) or "airflow" in " ".join(process.cmdline())
    except (psutil.Error, OSError):
        return False


def _is_same(leader: Leader) -> bool:
    """Whether the leader is there, running or not yet reaped."""
    try:
        return bool(psutil.Process(leader.pid).create_time() == leader.created)
    except psutil.NoSuchProcess:
        return False


def _is_replaced(leader: Leader) -> bool:
    """Whether its number has gone to another process, so that nothing of its session is left."""
    return psutil.pid_exists(leader.pid) and not _is_same(leader)


def _signal(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)  # one that stands still hears nothing else


def _alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait(processes: list[psutil.Process], seconds: float) -> None:
    """Until all have ended; our own children stay zombies, for who started them to reap."""
    deadline = time.monotonic() + seconds
    while _alive(processes) and time.monotonic() < deadline:
        time.sleep(0.05)
