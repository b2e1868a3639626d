"""The stack of infra/compose.yaml, started once for all tests here."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import postgres
from tests.services.topology import ROOT, Topology, running

# No data lies before it, so no window waits for earlier days.
FIRST_DAY = "2026-03-02"


@pytest.fixture(scope="session")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """PostgreSQL, Airflow's four processes, MLflow, a Dask scheduler and two workers."""
    postgres.binaries()
    folder = tmp_path_factory.mktemp("millrace")
    settings = made_settings(folder / ".env") | {
        "AIRFLOW_PARALLELISM": "3",
        "MILLRACE_STAGE_SLOTS": "2",
        "MILLRACE_HISTORY_FROM": FIRST_DAY,
    }
    stack = Topology(folder, settings)
    with postgres.server(stack.ports["5432"], settings), running(stack):
        stack.start("dask-worker", "-2")
        yield stack


def made_settings(target: Path) -> dict[str, str]:
    """Settings as a user makes them."""
    subprocess.run([sys.executable, ROOT / "infra/new_env.py", target], check=True)
    lines = target.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
