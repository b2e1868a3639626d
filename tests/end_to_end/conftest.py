"""A real Airflow for these tests: four components, a free port, a home in a temporary folder."""

import contextlib
import shutil
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pipelines.drivers.local.home import Home
from pipelines.drivers.local.stack import StackSettings, started

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def airflow(root: Path, dags: Path, **variables: str):
    """Run Airflow over a folder of DAG files, its store and source below ``root``."""
    home = Home.at(root)
    named = {"millrace_store": str(home.store), "millrace_source": str(home.source)} | variables
    settings = StackSettings(port=free_port(), parallelism=4, dags=dags, variables=named)
    with started(home, settings) as stack:
        yield stack


def eventually(condition, seconds: float, what: str):
    """Ask until the answer is true, and return it; REST writes stay one at a time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.5)
    pytest.fail(f"{what}: not within {seconds:.0f} s; last answer {condition()!r}")


def browser(api):
    """Asks for pages as a person's browser does, with or without a login."""
    token = api._login()

    def ask(path, login=True, cookie=False):
        headers = {"Cookie": f"_token={token}"} if cookie else {}
        if login and not cookie:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(f"{api.base}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, reply.read().decode(), reply.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    return ask


@pytest.fixture(scope="module")
def toy_airflow(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    dags, pids = root / "dags", root / "pids"
    dags.mkdir()
    pids.mkdir()
    shutil.copy(ROOT / "tests/dags/bundle/toy.py", dags)
    for name in ("ends.py", "live.py"):
        shutil.copy(ROOT / "tests/end_to_end/bundle" / name, dags)
    with airflow(root, dags, toy_pids=str(pids)) as stack:
        for dag_id in ("toy_ends", "toy_data", "toy_model", "toy_live"):
            stack.api.wait_for_dag(dag_id, 60)
        yield stack
