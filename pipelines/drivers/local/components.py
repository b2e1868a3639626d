"""The components of a local Airflow, as child processes: started, recorded, found dead, ended.

Why: whoever stops the stack, this process or a later one, must know what was started.
Promise: each component leads a session of its own, which is on record before it works.
Not here: when one is started again (``supervisor.py``), the whole of them (``stack.py``).
"""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from pipelines.core.errors import PermanentError
from pipelines.core.installation import LIBRARY
from pipelines.core.rights import chosen_umask
from pipelines.drivers.local.home import Home, read_json, write_json
from pipelines.drivers.local.processes import Leader, end_all, end_session

TAIL_LINES = 20

# The log servers would listen on every interface, for logs that the api-server reads as files.
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


class ComponentDiedError(PermanentError):
    """A component of Airflow ended by itself, or was not ready in time, again and again."""


class Components:
    """The processes of one stack.

    Attributes:
        home: Its folder.
        running: Process of each component.
    """

    def __init__(self, home: Home, environ: Mapping[str, str]) -> None:
        self.home, self._environ = home, dict(environ)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._leaders: dict[str, Leader] = {}

    def start(self, name: str) -> None:
        """Start a component; when it is started again, its log goes on."""
        with log_file(self.home, name).open("ab" if name in self.running else "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *COMPONENTS[name]],
                env=self._environ,
                cwd=LIBRARY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=chosen_umask(self._environ),
            )
        self.running[name], self._leaders[name] = process, Leader.of(process.pid)
        _record(self.home, self._leaders.values())

    def end(self, name: str) -> None:
        """End what is left of a component and of what it started, dead as it may be."""
        end_session(self._leaders[name])
        self.running[name].wait()

    def end_all(self) -> None:
        """End every process of the stack."""
        end_all(self.home.root, self._leaders.values())
        for process in self.running.values():
            process.wait()
        pid_file(self.home).unlink(missing_ok=True)

    def death_of(self, name: str) -> str:
        """How a component ended by itself; empty while it runs."""
        code = self.running[name].poll()
        return "" if code is None else f"ended by itself with code {code}"

    def described(self, name: str, what: str) -> str:
        """A sentence on a component, and the last lines of its log."""
        log = log_file(self.home, name)
        return f"Airflow's {name} {what}. The last lines of {log}:\n{tail(self.home, name)}"


def log_file(home: Home, component: str) -> Path:
    """Where a component's output goes."""
    return home.logs / f"{component}.log"


def tail(home: Home, component: str) -> str:
    """The last lines of a component's log."""
    lines = log_file(home, component).read_text(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])


def pid_file(home: Home) -> Path:
    """The record of who keeps the stack running, and of its components."""
    return home.root / "stack.json"


def recorded_leaders(home: Home) -> list[Leader]:
    """Components that the record names."""
    record = read_json(pid_file(home)) or {}
    return [Leader(*each) for each in record.get("leaders", []) if isinstance(each, list)]


def owner(home: Home) -> psutil.Process | None:
    """The process that started the stack, if it still runs; its number alone may be another's."""
    record = read_json(pid_file(home)) or {}
    try:
        process = psutil.Process(int(str(record["pid"])))
        alive = process.create_time() == record["created"] and process.is_running()
    except (KeyError, psutil.NoSuchProcess):
        return None
    return process if alive else None


def _record(home: Home, leaders: Iterable[Leader]) -> None:
    me = psutil.Process()
    record = {"pid": me.pid, "created": me.create_time()}
    write_json(
        pid_file(home),
        record | {"leaders": [[leader.pid, leader.created] for leader in leaders]},
    )
