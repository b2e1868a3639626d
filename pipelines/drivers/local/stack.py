"""A local Airflow: four components as child processes, started and stopped together.

Why: ``airflow standalone`` orphans its components on SIGTERM, binds to every interface and
    starts 32 workers; a script that waits for its banner waits for the wrong thing.
Promise: once ``started`` has yielded, every component answers as healthy; whatever happens
    then, no process of it is left.
Not here: what the Airflow is used for (``demo.py``), its components (``components.py``), who
    starts them again (``supervisor.py``), its processes one by one (``processes.py``).
"""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from pipelines.core.errors import ConfigError
from pipelines.core.installation import LIBRARY
from pipelines.core.rights import chosen_umask
from pipelines.drivers.local.components import (
    COMPONENTS,
    ComponentDiedError,
    Components,
    log_file,
    owner,
    pid_file,
    recorded_leaders,
    tail,
)
from pipelines.drivers.local.home import USER, Home, read_json, write_json
from pipelines.drivers.local.processes import MARK, end_all, stack_processes
from pipelines.drivers.local.rest_client import Api
from pipelines.drivers.local.supervisor import HEALTH_KEYS, Keeper

HOST = "127.0.0.1"
START_LIMIT_S = 180.0


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
    dags: Path = LIBRARY / "dags"
    plugins: Path = LIBRARY / "plugins"


@dataclass(slots=True)
class Stack:
    """A running Airflow.

    Attributes:
        home: Its folder.
        api: A client that is logged in.
        components: Its processes.
        keeper: Who keeps them at work.
    """

    home: Home
    api: Api
    components: Components
    keeper: Keeper

    def require_alive(self) -> None:
        """Refuse to go on where a component could not be kept at work.

        Raises:
            ComponentDiedError: One failed again and again; shown with the last lines of its log.
        """
        self.keeper.require()


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
    umask = chosen_umask(base)
    configured = {
        "core__auth_manager": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "core__dags_folder": str(settings.dags),
        "core__execution_api_server_url": f"{url}/execution/",
        "core__executor": "LocalExecutor",
        "core__fernet_key": secrets.fernet,
        # Else the log of a running task waits for a log server on a name that may not resolve.
        "core__hostname_callable": "pipelines.drivers.local.stack.hostname",
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
        # Airflow sets these modes by itself, whatever the umask.
        "logging__file_task_handler_new_folder_permissions": f"0o{0o777 & ~umask:o}",
        "logging__file_task_handler_new_file_permissions": f"0o{0o666 & ~umask:o}",
        # Below 0.5 the scheduler's own CPU grows; above, each step of a lone run waits longer.
        "scheduler__scheduler_idle_sleep_time": "0.5",
        # A task whose scheduler died is tried again after so long, rather than after 300 s.
        "scheduler__task_instance_heartbeat_timeout": "150",
        "usage_data_collection__enabled": "False",
    }
    airflow = {f"AIRFLOW__{key.upper()}": value for key, value in configured.items()}
    # The last marks the stack's processes, and its fork server, as this home's.
    paths = {
        "AIRFLOW_HOME": str(home.airflow),
        "PYTHONPATH": f"{LIBRARY}:{LIBRARY / 'plugins'}",
        MARK: str(home.root),
    }
    return kept | variables | airflow | paths


def hostname() -> str:
    """The name tasks are recorded under: everything is on this machine."""
    return HOST


@contextmanager
def started(
    home: Home, settings: StackSettings, report: Callable[[str], None] = lambda _text: None
) -> Iterator[Stack]:
    """Run Airflow for as long as the block lasts.

    Args:
        home: Its folder.
        settings: How it is set up.
        report: Gets a line when a component is started again.

    Raises:
        ConfigError: Another process keeps this home's Airflow running.
        ComponentDiedError: A component ended before it was healthy, or was not so in 180 s.
    """
    _claim(home)
    env = airflow_environ(home, settings)
    components = Components(home, env)
    api = Api(f"http://{HOST}:{settings.port}", USER, home.secrets().password)
    keeper = Keeper(components, api, report)
    try:
        _migrate(home, env)
        since = datetime.now(UTC)
        for name in COMPONENTS:
            components.start(name)
        _wait_healthy(components, api, since)
        keeper.start()
        api.still_comes = keeper.require
        yield Stack(home, api, components, keeper)
    finally:
        keeper.end()
        components.end_all()


def stop(home: Home) -> int:
    """Stop the Airflow of a home from outside, whoever started it and however that one ended.

    Returns:
        How many processes were ended.
    """
    keeping, leaders = owner(home), recorded_leaders(home)
    count = len(stack_processes(home.root, leaders))
    if keeping is not None:
        keeping.terminate()
        # It stops its components itself; what it does not manage is ended below.
        psutil.wait_procs([keeping], timeout=30)
        leaders += recorded_leaders(home)
    left = end_all(home.root, leaders)
    pid_file(home).unlink(missing_ok=True)
    return max(count, left)


def _claim(home: Home) -> None:
    """Make sure that this home's Airflow does not run, ending what a kill left of it."""
    keeping = owner(home)
    if keeping is not None:
        raise ConfigError(
            f"The Airflow in {home.root} is kept running by process {keeping.pid}. "
            f"Stop it with `make stop`, or choose another folder with --home."
        )
    end_all(home.root, recorded_leaders(home))


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
            cwd=LIBRARY,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            umask=chosen_umask(env),
            check=False,
        )
    if ended.returncode:
        raise ComponentDiedError(
            f"Airflow's database could not be made in {home.airflow} (code {ended.returncode}). "
            f"The last lines of {log_file(home, 'db-migrate')}:\n{tail(home, 'db-migrate')}"
        )
    write_json(done, wanted)


def _wait_healthy(components: Components, api: Api, since: datetime) -> None:
    """Until every component has reported since then; older reports are of an earlier start."""
    deadline = time.monotonic() + START_LIMIT_S
    lacking = list(HEALTH_KEYS)
    while time.monotonic() < deadline:
        for name in COMPONENTS:
            if death := components.death_of(name):
                raise ComponentDiedError(components.described(name, death))
        try:
            health = api.health()
        except (OSError, ValueError, http.client.HTTPException):
            time.sleep(0.25)
            continue
        lacking = [name for name in HEALTH_KEYS if not _reported(health.get(name), name, since)]
        if not lacking:
            return
        time.sleep(0.25)
    raise ComponentDiedError(
        f"Airflow was not ready after {START_LIMIT_S:.0f} s; waiting for {', '.join(lacking)}. "
        f"Their logs are in {components.home.logs}."
    )


def _reported(said: Mapping[str, str | None] | None, name: str, since: datetime) -> bool:
    beat = (said or {}).get(HEALTH_KEYS[name])
    return (
        said is not None
        and said["status"] == "healthy"
        and beat is not None
        and datetime.fromisoformat(beat) >= since
    )
