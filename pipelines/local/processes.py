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
from pathlib import Path

import psutil

# Time for a running stage to write its checkpoint, which it does within 4 seconds.
GRACE_S, HARD_GRACE_S = 6.0, 2.0


def stack_processes(airflow_home: Path, leaders: Iterable[int]) -> list[psutil.Process]:
    """Every process of the stack, itself and its ancestors left out.

    Three nets, as each has a hole: a process is below a component, in a component's session,
    or has the stack's ``AIRFLOW_HOME`` in its environment (a process that renames itself
    overwrites that; one whose parent died is below nobody).
    """
    leaders = set(leaders)
    mine = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    found = {}
    for process in psutil.process_iter():
        if process.pid not in mine and _belongs(process, str(airflow_home), leaders):
            found[process.pid] = process
    for leader in leaders:
        with suppress(psutil.NoSuchProcess):
            found |= {p.pid: p for p in psutil.Process(leader).children(recursive=True)}
    return [process for process in found.values() if _is_alive(process)]


def _belongs(process: psutil.Process, airflow_home: str, leaders: set[int]) -> bool:
    try:
        if process.pid in leaders or os.getsid(process.pid) in leaders:
            return True
        return process.environ().get("AIRFLOW_HOME") == airflow_home
    except (psutil.Error, OSError):
        return False


def end_all(airflow_home: Path, leaders: Iterable[int]) -> int:
    """End the stack: its components by SIGTERM, then what is left by SIGTERM, then by SIGKILL.

    Returns:
        How many processes there were.
    """
    leaders = [pid for pid in leaders if _is_stack(pid, airflow_home)]
    every = stack_processes(airflow_home, leaders)
    _signal([p for p in every if p.pid in leaders], signal.SIGTERM)
    _wait(every, GRACE_S)
    # Tasks that were starting meanwhile, and those that outlived their component.
    for number, grace_s in ((signal.SIGTERM, HARD_GRACE_S), (signal.SIGKILL, HARD_GRACE_S)):
        left = _alive(every)
        left += [p for p in stack_processes(airflow_home, leaders) if p not in left]
        _signal(left, number)
        _wait(left, grace_s)
    return len(every)


def _is_stack(pid: int, airflow_home: Path) -> bool:
    """Whether a recorded component is still that: its number may have gone to another process."""
    try:
        return psutil.Process(pid).environ().get("AIRFLOW_HOME") == str(airflow_home) or (
            "airflow" in " ".join(psutil.Process(pid).cmdline()) and os.getsid(pid) == pid
        )
    except (psutil.Error, OSError):
        return False


def _signal(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


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
