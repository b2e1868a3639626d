"""infra/compose.yaml as processes of this machine: its commands, settings, order and health checks.

Why: no container engine is needed to find out whether the stack's parts fit together.
Promise: the services are those of the compose file; only addresses differ: hosts become 127.0.0.1,
    ports become free ones, folders are below a temporary one.
Not here: PostgreSQL's own start (``postgres.py``), which its image does in containers.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipelines.drivers.local.processes import end_all
from pipelines.drivers.local.rest_client import Api

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "infra/compose.yaml"
DOCKERFILE = ROOT / "infra/images/Dockerfile"
USED = re.compile(r"\$\{(\w+)(?::?([-?])([^}]*))?\}")
PROGRAMS = Path(sys.executable).parent
READY_S, STOP_S = 240, 15
# Ports of the compose file, each of which becomes a free one.
PORTS = ("5432", "5000", "8786", "8787", "8788", "8080", "8974", "8793", "8794")
HOSTS = ("postgres", "mlflow", "dask-scheduler", "api-server", "localhost")
# Airflow's defaults, on which two stacks on one machine would collide.
DEFAULT_PORTS = {
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": "8974",
    "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": "8793",
    "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": "8794",
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "airflow.utils.net.get_host_ip_address",
}


class NotReadyError(AssertionError):
    """A service ended, or was not healthy in time; carries the end of its log."""


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Topology:
    """The stack, running.

    Attributes:
        folder: Stands for ``/var/lib/millrace`` and holds the logs of the processes.
        settings: Values of the variables that the compose file takes.
        ports: Free port by the port the compose file names.
    """

    folder: Path
    settings: Mapping[str, str]
    ports: dict[str, int] = field(default_factory=lambda: {p: free_port() for p in PORTS})
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def ui(self) -> str:
        """Address of Airflow's api-server."""
        return f"http://127.0.0.1:{self.ports['8080']}"

    def api(self, password: str | None = None) -> Api:
        """Airflow's REST interface as the administrator, by default with the right password."""
        known = self.settings["AIRFLOW_ADMIN_PASSWORD"]
        return Api(self.ui, self.settings["AIRFLOW_ADMIN_USER"], password or known)

    @property
    def mlflow(self) -> str:
        """Address of the MLflow server."""
        return f"http://127.0.0.1:{self.ports['5000']}"

    @property
    def dask(self) -> str:
        """Address of the Dask scheduler."""
        return f"tcp://127.0.0.1:{self.ports['8786']}"

    @property
    def store(self) -> Path:
        """Root of the artifact store."""
        return self.folder / "store"

    @property
    def source(self) -> Path:
        """Root of the source files."""
        return self.folder / "source"

    def environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        """The environment of that service: the image's variables, then the service's own."""
        variables = image_environment() | service.get("environment", {})
        if any(name.startswith("AIRFLOW__API") for name in variables):
            variables |= DEFAULT_PORTS
        here = {
            name: self.relocated(str(value))
            for name, value in variables.items()
            if name != "PATH"
        }
        path = {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
        return (
            clean_environment()
            | here
            | path
            | {
                "XDG_RUNTIME_DIR": str(self.folder / "run"),
                "MILLRACE_HOME": str(self.folder),
            }
        )

    def command(self, words: list[str]) -> list[str]:
        """A command of the compose file, with this interpreter's programs."""
        program, *rest = words
        return [str(PROGRAMS / program), *(self.relocated(str(word)) for word in rest)]

    def relocated(self, text: str) -> str:
        """A text of the compose file with its variables filled in and its addresses relocated."""
        # Addresses first: a password may look like a host's port.
        for host in HOSTS:
            text = re.sub(rf"(?<![\w.-]){host}(?=:\d)", "127.0.0.1", text)
        text = text.replace("0.0.0.0", "127.0.0.1")
        for port, free in self.ports.items():
            text = re.sub(rf"(?<=[:=]){port}(?!\d)|^{port}$", str(free), text)
        text = text.replace("/var/lib/millrace", str(self.folder))
        return USED.sub(self._value, text.replace("/opt/millrace", str(ROOT)))

    def _value(self, found: re.Match[str]) -> str:
        name, kind, text = found.groups()
        value = (
            str(self.ports["8080"]) if name == "AIRFLOW_PORT" else self.settings.get(name, "")
        )
        if not value and kind == "?":
            raise NotReadyError(f"{name} is required ({text}) and has no value.")
        return value or text or ""

    def start(self, name: str, suffix: str = "") -> None:
        """Start a service, or run it to its end if it is one that ends."""
        service = services()[name]
        log = (self.folder / f"{name}{suffix}.log").open("ab")
        process = subprocess.Popen(
            self.command(service["command"]),
            cwd=ROOT,
            env=self.environment(service),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.running[name + suffix] = process

    def await_ready(self, name: str) -> None:
        """Wait for a one-shot's good end, or for a service's own health check.

        Raises:
            NotReadyError: It ended otherwise, or was not ready in time.
        """
        service, process = services()[name], self.running[name]
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if service["restart"] == "no":
                if process.poll() is not None and self._ended_well(name):
                    return
            elif process.poll() is not None:
                raise NotReadyError(
                    f"{name} ended with {process.returncode}.\n{self.log(name)}"
                )
            elif self.healthy(name):
                return
            time.sleep(0.5)
        raise NotReadyError(f"{name} was not ready after {READY_S} s.\n{self.log(name)}")

    def _ended_well(self, name: str) -> bool:
        if self.running[name].returncode:
            raise NotReadyError(f"{name} failed.\n{self.log(name)}")
        return True

    def healthy(self, name: str) -> bool:
        """What the service's health check says."""
        service = services()[name]
        _, *words = service["healthcheck"]["test"]
        check = subprocess.run(
            self.command(words), cwd=ROOT, env=self.environment(service), capture_output=True
        )
        return check.returncode == 0

    def log(self, name: str) -> str:
        """The end of what a service printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]

    def kill(self, name: str) -> None:
        """End a service as a lost host does: no signal that it could answer."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End every service and all that they started."""
        for process in self.running.values():
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        # What left its service's session: stages, and the fork server they came from.
        end_all(self.folder, [])


def services() -> dict[str, dict[str, Any]]:
    """The services of the compose file."""
    return yaml.safe_load(COMPOSE.read_text())["services"]


def order() -> list[str]:
    """Services of profile ``cpu``, each after those it depends on; PostgreSQL is up already."""
    left = {
        name: set(service.get("depends_on", {})) - {"postgres"}
        for name, service in services().items()
        if name != "postgres" and "cpu" in service.get("profiles", ["cpu"])
    }
    found: list[str] = []
    while left:
        ready = [name for name, needs in left.items() if needs <= set(found)]
        assert ready, f"depends_on of {sorted(left)} leads in a circle"
        found += ready
        left = {name: needs for name, needs in left.items() if name not in ready}
    return found


def image_environment() -> dict[str, str]:
    """The variables that the image of profile ``cpu`` sets."""
    lines = DOCKERFILE.read_text().split("FROM base AS runtime")[1].split("\nWORKDIR")[0]
    return dict(re.findall(r"^(?:ENV)?\s+([A-Z_]+)=(\S+)", lines, re.MULTILINE))


def clean_environment() -> dict[str, str]:
    """This process's environment without what could configure Airflow, MLflow or Millrace."""
    ours = ("AIRFLOW", "MLFLOW", "MILLRACE", "DASK", "PYTEST", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextlib.contextmanager
def running(topology: Topology) -> Iterator[Topology]:
    """The whole stack, each service ready before those that wait for it start."""
    for name in ("store", "source", "logs", "mlflow", "login", "airflow", "run"):
        (topology.folder / name).mkdir(exist_ok=True, mode=0o700)
    try:
        awaited: set[str] = set()
        for name in order():
            for needed in sorted(
                set(services()[name].get("depends_on", {})) - awaited - {"postgres"}
            ):
                topology.await_ready(needed)
                awaited.add(needed)
            topology.start(name)
        for name in order():
            if name not in awaited:
                topology.await_ready(name)
        yield topology
    finally:
        topology.stop()
