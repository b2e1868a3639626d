"""A real Airflow, started and stopped: on a DAG of one task, with nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from pipelines.core.errors import ConfigError, TransientError
from pipelines.drivers.local import components as parts
from pipelines.drivers.local import processes, stack, supervisor
from pipelines.drivers.local.components import ComponentDiedError
from pipelines.drivers.local.home import Home
from pipelines.drivers.local.machine import choose_port
from pipelines.drivers.local.processes import Leader, end_all, stack_processes
from pipelines.drivers.local.rest_client import Api, RestError
from pipelines.drivers.local.stack import StackSettings, airflow_environ, started

ROOT = Path(__file__).resolve().parents[4]
DAG = """
import pendulum
from airflow.sdk import CronPartitionTimetable, dag, task

@dag(
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
)
def trivial():
    @task(pool="stages")
    def write(dag_run=None):
        with open(f"{FOLDER}/{dag_run.partition_key}", "w") as file:
            file.write("done")
    write()

trivial()
"""


@pytest.fixture
def home(tmp_path):
    return Home.at(tmp_path / "home")


@pytest.fixture
def settings(tmp_path):
    dags, plugins, out = (tmp_path / name for name in ("dags", "plugins", "out"))
    for folder in (dags, plugins, out):
        folder.mkdir()
    (dags / "trivial.py").write_text(f"FOLDER = {str(out)!r}\n{DAG}")
    return StackSettings(port=choose_port(18_080), parallelism=2, dags=dags, plugins=plugins)


def left_in_proc(home: Home) -> list[str]:
    """Command lines of processes that have the home in their environment, or a file of it open."""
    mark, left = str(home.root), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            files = [os.readlink(fd) for fd in (entry / "fd").iterdir()]  # noqa: PTH115
            environ = (entry / "environ").read_bytes()
        except OSError:
            continue
        if entry.name != str(os.getpid()) and (
            mark.encode() in environ or any(file.startswith(f"{mark}/") for file in files)
        ):
            left.append((entry / "cmdline").read_text())
    return left


def listeners(pids: set[int]) -> set[str]:
    """Addresses that any of these processes listens on."""
    every = (psutil.Process(pid).net_connections("tcp") for pid in pids)
    return {c.laddr.ip for found in every for c in found if c.status == psutil.CONN_LISTEN}


def poll(until, seconds: float) -> None:
    """Wait for something to become true, or to raise."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.2)


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; one that nobody has reaped yet does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def idle_workers(scheduler: int) -> list[psutil.Process]:
    """What the executor of a scheduler keeps ready, under a name that hides its environment."""
    below = psutil.Process(scheduler).children(recursive=True)
    return [p for p in below if "LocalExecutor" in " ".join(p.cmdline())]


def test_airflow_runs_a_backfill_and_a_schedule_then_leaves_no_process(
    home, settings, tmp_path, monkeypatch
):
    """Its scheduler is killed and its triggerer stopped before it gets any work."""
    monkeypatch.setattr(supervisor, "STOPPED_LOOKS", 3)
    monkeypatch.setattr(supervisor, "PAUSES_S", (0.0,))
    reported = []
    with started(home, settings, reported.append) as running:
        api, components = running.api, running.components.running
        leaders = [Leader.of(p.pid) for p in components.values()]
        everyone = stack_processes(home.root, leaders)
        assert listeners({p.pid for p in everyone}) == {"127.0.0.1"}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{api.base}/api/v2/dags")
        with pytest.raises(RestError, match=r"GET /api/v2/dags/nothing: Airflow answered 404"):
            api.get("/dags/nothing")
        api.set_pool("stages", 1, "First.")
        api.set_pool("stages", 2, "Changed.")
        assert api.get("/pools/stages")["slots"] == 2
        api.wait_for_dag("trivial", 60)
        scheduler = components["scheduler"].pid
        poll(lambda: len(idle_workers(scheduler)) == 2, 60)
        workers = idle_workers(scheduler)
        triggerer = components["triggerer"].pid
        os.kill(scheduler, signal.SIGKILL)
        os.kill(triggerer, signal.SIGSTOP)
        poll(lambda: len(reported) == 2, 90)
        assert reported[0].startswith(
            "Airflow's scheduler ended by itself with code -9: started again"
        )
        assert "Airflow's triggerer stood still for 3 s" in reported[1]
        assert not any(is_alive(worker) for worker in workers)
        api.backfill("trivial", "2026-01-03", "2026-01-04", 2)
        api.unpause("trivial")
        written = tmp_path / "out"
        poll(lambda: len(list(written.iterdir())) == 3, 120)
        assert {"2026-01-03", "2026-01-04"} < {file.name for file in written.iterdir()}
        refused = pytest.raises(ConfigError, match=r"is kept running by process \d+\. Stop it")
        with refused, started(home, settings):
            pytest.fail("two on one database")
        poll(lambda: components["triggerer"].pid != triggerer, 60)
        components["triggerer"].kill()
        died = r"(?s)triggerer ended by itself with code -9, after 1 restarts within 10 minutes"
        with pytest.raises(ComponentDiedError, match=died):
            poll(running.require_alive, 60)
    assert left_in_proc(home) == []
    assert not any(process.is_running() for process in everyone)
    written_by_airflow = [home.airflow / "airflow.db", *(home.logs / "tasks").rglob("*")]
    assert {path.stat().st_mode & 0o077 for path in written_by_airflow} == {0}


@pytest.mark.slow
def test_a_start_that_was_killed_is_stopped_from_another_shell(home, settings):
    """As after ``kill -9`` of ``make run``: nobody is left to stop the components."""
    code = (
        "import sys, time; from pathlib import Path; from pipelines.drivers.local.home import Home;"
        "from pipelines.drivers.local.stack import StackSettings, started\n"
        "home, port, dags, plugins = sys.argv[1:]\n"
        "settings = StackSettings(\n"
        "    port=int(port), parallelism=2, dags=Path(dags), plugins=Path(plugins)\n"
        ")\n"
        "with started(Home.at(Path(home)), settings): print('up', flush=True); time.sleep(600)"
    )
    arguments = [home.root, settings.port, settings.dags, settings.plugins]
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        owner.kill()
    assert left_in_proc(home)
    assert stack.stop(home) >= len(parts.COMPONENTS)
    assert left_in_proc(home) == []
    assert stack.stop(home) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["api-server", "dag-processor", "scheduler"])
def test_a_component_that_hangs_is_found_by_airflows_own_health_alone(
    home, settings, tmp_path, monkeypatch, name
):
    """As one in a deadlock, which no state of its process shows."""
    monkeypatch.setattr(supervisor, "is_stopped", lambda _pid: False)
    patience = supervisor.SILENT_ANSWERS
    monkeypatch.setattr(supervisor, "SILENT_ANSWERS", 2)
    reported = []
    with started(home, settings, reported.append) as running:
        components = running.components.running
        hanging = components[name].pid
        os.kill(hanging, signal.SIGSTOP)
        poll(lambda: components[name].pid != hanging, 180)
        # On a busy machine nobody is heard of for longer than that.
        monkeypatch.setattr(supervisor, "SILENT_ANSWERS", patience)
        silent = (
            "did not work for 10 s, by Airflow's own /health: started again (1 of at most 5)."
        )
        assert f"Airflow's {name} {silent}" in reported
        running.api.set_pool("stages", 2, "Answers again.")
        running.api.wait_for_dag("trivial", 60)
        running.api.unpause("trivial")
        poll(lambda: len(list((tmp_path / "out").iterdir())) == 1, 180)
    assert left_in_proc(home) == []


@pytest.mark.slow
def test_a_dead_schedulers_workers_are_found_by_whoever_stops_the_stack(home, settings):
    """Nobody is left of those who started them, and their names hide their environment."""
    with started(home, settings) as running:
        running.keeper.end()
        scheduler = running.components.running["scheduler"]
        poll(lambda: len(idle_workers(scheduler.pid)) == 2, 60)
        workers = idle_workers(scheduler.pid)
        scheduler.kill()
        scheduler.wait()
        assert all(worker.is_running() for worker in workers)
    assert not any(is_alive(worker) for worker in workers)
    assert left_in_proc(home) == []


@pytest.mark.slow
def test_a_component_that_cannot_start_is_named_with_the_end_of_its_log(
    home, settings, monkeypatch
):
    monkeypatch.setitem(parts.COMPONENTS, "scheduler", ("scheduler", "--no-such-option"))
    died = r"(?s)scheduler ended by itself with code 2\..*no-such-option"
    with pytest.raises(ComponentDiedError, match=died), started(home, settings):
        pytest.fail("started without a scheduler")
    assert left_in_proc(home) == []


def test_a_keeper_that_can_start_nothing_any_more_ends_the_stack_and_says_why(home):
    """As where the machine has no process id or memory left for a component."""
    parts_of_it = parts.Components(home, {"PATH": "/bin", "MILLRACE_UMASK": "077"})
    keeping = supervisor.Keeper(parts_of_it, Api("http://127.0.0.1:9", "u", "p"))
    keeping.start()  # nothing was ever started, which it does not expect
    with pytest.raises(TransientError, match=r"can no longer be looked after .*api-server"):
        poll(keeping.require, 30)
    keeping.end()


def test_the_shells_own_airflow_settings_do_not_reach_the_components(home, settings):
    shell = {
        "AIRFLOW_HOME": "/elsewhere",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": "/bin",
    }
    env = airflow_environ(home, settings, shell)
    assert env["AIRFLOW_HOME"] == str(home.airflow)
    assert env["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["PATH"] == "/bin"
    assert "PYTHONDONTWRITEBYTECODE" not in env


def test_end_all_ends_what_ignores_sigterm_and_what_left_its_session(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "GRACE_S", 0.5)
    monkeypatch.setattr(processes, "HARD_GRACE_S", 0.5)
    stubborn = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if len(sys.argv) == 2: subprocess.Popen([sys.executable, *sys.orig_argv[1:], 'child'],\n"
        "    start_new_session=True)\n"
        "print('up', flush=True); time.sleep(600)\n"
    )
    script = tmp_path / "stubborn.py"
    script.write_text(stubborn)
    env = {**os.environ, "MILLRACE_HOME": str(tmp_path)}
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with subprocess.Popen(
        [sys.executable, str(script), "leader"], env=env, stdout=subprocess.PIPE, text=True
    ) as leader:
        assert leader.stdout is not None
        assert [leader.stdout.readline() for _ in range(2)] == ["up\n", "up\n"]
        assert end_all(tmp_path, [Leader.of(leader.pid)]) == 2
        assert leader.wait() == -signal.SIGKILL
    assert stack_processes(tmp_path, []) == []
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
