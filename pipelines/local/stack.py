"""A local Airflow: four components as child processes, started, watched and stopped together.

Why: ``airflow standalone`` orphans its components on SIGTERM, binds to every interface and
    starts 32 workers; a script that waits for its banner waits for the wrong thing.
Promise: once ``started`` has yielded, every component answers as healthy; whatever happens
    then, no process of it is left; one that dies is named with the last lines of its log.
Not here: what the Airflow is used for (``demo.py``), its processes one by one
    (``processes.py``).
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from pipelines.errors import ConfigError, PermanentError
from pipelines.local.home import USER, Home, read_json, write_json
from pipelines.local.processes import end_all, stack_processes
from pipelines.local.rest import Api

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
START_LIMIT_S = 180.0
TAIL_LINES = 20

# The log servers would listen on every interface, for logs that the api-server reads as files.
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
HEALTH_KEYS = {
    "scheduler": "latest_scheduler_heartbeat",
    "dag_processor": "latest_dag_processor_heartbeat",
    "triggerer": "latest_triggerer_heartbeat",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """How a local Airflow is set up.

    Attributes:
        port: Of the UI and the REST interface.
        parallelism: Tasks at a time.
        variables: Airflow Variables, by name.
        dags: Folder of DAG files.
        plugins: Folder of plugins.
    """

    port: int
    parallelism: int
    variables: Mapping[str, str] = field(default_factory=dict)
    dags: Path = ROOT / "dags"
    plugins: Path = ROOT / "plugins"


class ComponentDiedError(PermanentError):
    """A component of Airflow ended by itself, or was not ready in time."""


@dataclass(slots=True)
class Stack:
    """A running Airflow.

    Attributes:
        home: Its folder.
        api: A client that is logged in.
        components: Process of each component.
    """

    home: Home
    api: Api
    components: dict[str, "subprocess.Popen[bytes]"]

    def require_alive(self) -> None:
        """Refuse to go on without one of the components.

        Raises:
            ComponentDiedError: One ended; told with the last lines of its log.
        """
        for name, process in self.components.items():
            if process.poll() is not None:
                raise ComponentDiedError(
                    f"Airflow's {name} ended by itself with code {process.returncode}. "
                    f"The last lines of {log_file(self.home, name)}:\n{tail(self.home, name)}"
                )


def airflow_environ(
    home: Home, settings: StackSettings, base: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment of every component; the shell's own Airflow settings do not count."""
    kept = {
        key: value
        for key, value in base.items()
        # Uncompiled modules would be compiled anew in each of hundreds of processes.
        if not key.startswith("AIRFLOW") and key != "PYTHONDONTWRITEBYTECODE"
    }
    variables = {f"AIRFLOW_VAR_{k.upper()}": v for k, v in settings.variables.items()}
    secrets, url = home.secrets(), f"http://{HOST}:{settings.port}"
    configured = {
        "core__auth_manager": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "core__dags_folder": str(settings.dags),
        "core__execution_api_server_url": f"{url}/execution/",
        "core__executor": "LocalExecutor",
        "core__fernet_key": secrets.fernet,
        # Else the log of a running task waits for a log server on a name that may not resolve.
        "core__hostname_callable": "pipelines.local.stack.hostname",
        "core__load_examples": "False",
        "core__max_active_tasks_per_dag": str(settings.parallelism),
        "core__parallelism": str(settings.parallelism),
        "core__plugins_folder": str(settings.plugins),
        "core__simple_auth_manager_passwords_file": str(home.passwords),
        "core__simple_auth_manager_users": f"{USER}:admin",
        # SQLite's default of 5 s loses the scheduler to "database is locked" under load.
        "database__sql_alchemy_conn": f"sqlite:///{home.airflow}/airflow.db?timeout=60",
        "dag_processor__refresh_interval": "15",
        "api__base_url": url,
        "api__host": HOST,
        "api__port": str(settings.port),
        "api__secret_key": secrets.api,
        "api__workers": "1",
        "api_auth__jwt_secret": secrets.jwt,
        "logging__base_log_folder": str(home.logs / "tasks"),
        # Below 0.5 the scheduler's own CPU grows; above, each step of a lone run waits longer.
        "scheduler__scheduler_idle_sleep_time": "0.5",
        "usage_data_collection__enabled": "False",
    }
    airflow = {f"AIRFLOW__{key.upper()}": value for key, value in configured.items()}
    # The last keeps a stage server of this home from serving another, and from outliving it.
    paths = {
        "AIRFLOW_HOME": str(home.airflow),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "MILLRACE_HOME": str(home.root),
    }
    return kept | variables | airflow | paths


def hostname() -> str:
    """The name tasks are recorded under: everything is on this machine."""
    return HOST


@contextmanager
def started(home: Home, settings: StackSettings) -> Iterator[Stack]:
    """Run Airflow for as long as the block lasts.

    Raises:
        ConfigError: Another process keeps this home's Airflow running.
        ComponentDiedError: A component ended before it was healthy, or was not so in 180 s.
    """
    _claim(home)
    env = airflow_environ(home, settings)
    components: dict[str, subprocess.Popen[bytes]] = {}
    try:
        _migrate(home, env)
        since = datetime.now(UTC)
        with ExitStack() as files:
            for name, argv in COMPONENTS.items():
                log = files.enter_context(log_file(home, name).open("wb"))
                components[name] = subprocess.Popen(
                    [sys.executable, "-m", "airflow", *argv],
                    env=env,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                _record(home, components)
        api = Api(f"http://{HOST}:{settings.port}", USER, home.secrets().password)
        stack = Stack(home, api, components)
        _wait_healthy(stack, since)
        yield stack
    finally:
        end_all(home.airflow, [process.pid for process in components.values()])
        for process in components.values():
            process.wait()
        _pid_file(home).unlink(missing_ok=True)


def stop(home: Home) -> int:
    """Stop the Airflow of a home from outside, whoever started it and however that one ended.

    Returns:
        How many processes were ended.
    """
    record = read_json(_pid_file(home)) or {"leaders": []}
    owner = _owner(record)
    count = len(stack_processes(home.airflow, record["leaders"]))
    if owner is not None:
        owner.terminate()
        # It stops its components itself; what it does not manage is ended below.
        psutil.wait_procs([owner], timeout=30)
    left = end_all(home.airflow, record["leaders"])
    _pid_file(home).unlink(missing_ok=True)
    return max(count, left)


def log_file(home: Home, component: str) -> Path:
    """Where a component's output goes."""
    return home.logs / f"{component}.log"


def tail(home: Home, component: str) -> str:
    """The last lines of a component's log."""
    lines = log_file(home, component).read_text(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])


def _pid_file(home: Home) -> Path:
    return home.root / "stack.json"


def _record(home: Home, components: Mapping[str, "subprocess.Popen[bytes]"]) -> None:
    owner = psutil.Process()
    write_json(
        _pid_file(home),
        {
            "pid": owner.pid,
            "created": owner.create_time(),
            "leaders": [process.pid for process in components.values()],
        },
    )


def _owner(record: Mapping[str, object]) -> psutil.Process | None:
    """The process that started the stack, if it still runs; its number alone may be another's."""
    try:
        process = psutil.Process(int(str(record["pid"])))
        alive = process.create_time() == record["created"] and process.is_running()
    except (KeyError, psutil.NoSuchProcess):
        return None
    return process if alive else None


def _claim(home: Home) -> None:
    """Make sure that this home's Airflow does not run, ending what a kill left of it."""
    record = read_json(_pid_file(home)) or {"leaders": []}
    owner = _owner(record)
    if owner is not None:
        raise ConfigError(
            f"The Airflow in {home.root} is kept running by process {owner.pid}. "
            f"Stop it with `make stop`, or choose another folder with --home."
        )
    end_all(home.airflow, record["leaders"])


def _migrate(home: Home, env: Mapping[str, str]) -> None:
    """Make the database, or bring it to this Airflow's version; skipped where it has it."""
    done = home.airflow / "migrated.json"
    wanted = version("apache-airflow")
    if read_json(done) == wanted and (home.airflow / "airflow.db").exists():
        return
    with log_file(home, "db-migrate").open("wb") as log:
        ended = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=dict(env),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode:
        raise ComponentDiedError(
            f"Airflow's database could not be made in {home.airflow} (code {ended.returncode}). "
            f"The last lines of {log_file(home, 'db-migrate')}:\n{tail(home, 'db-migrate')}"
        )
    write_json(done, wanted)


def _wait_healthy(stack: Stack, since: datetime) -> None:
    """Until every component has reported since then; older reports are of an earlier start."""
    deadline = time.monotonic() + START_LIMIT_S
    lacking = list(HEALTH_KEYS)
    while time.monotonic() < deadline:
        stack.require_alive()
        try:
            health = stack.api.health()
        except (OSError, ValueError):
            time.sleep(0.25)
            continue
        lacking = [name for name in HEALTH_KEYS if not _reported(health.get(name), name, since)]
        if not lacking:
            return
        time.sleep(0.25)
    raise ComponentDiedError(
        f"Airflow was not ready after {START_LIMIT_S:.0f} s; waiting for {', '.join(lacking)}. "
        f"Their logs are in {stack.home.logs}."
    )


def _reported(said: Mapping[str, str | None] | None, name: str, since: datetime) -> bool:
    beat = (said or {}).get(HEALTH_KEYS[name])
    return (
        said is not None
        and said["status"] == "healthy"
        and beat is not None
        and datetime.fromisoformat(beat) >= since
    )
