"""Identifiers that are planted in a source are in no table of Airflow's database and in no log of it."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.api.planted import FIRST, NAME, NUMBER, leaks, signs_in, write

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DECLARATION = "from tests.pipelines.api.planted import planted\n\nPIPELINE = planted()\n"
BUNDLE = """from millrace.airflow.dags import data_dag
from pipelines.spec import load

data = data_dag(load("planted"), "Visits.")
for task in data.tasks:
    task.pool = "default_pool"
"""
BAD_LINES = {
    f"{FIRST}": "",
    "2025-03-02": f"7,{NUMBER}x,2025-03-02,{NAME},a,3,0\n",
    "2025-03-03": f"7,{NUMBER},2025-03-03,{NAME},c,3,0\n8,{NUMBER}\n",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Three days under ``dag.test()``: a good one, one that ingest refuses, one with quarantined rows."""
    home = tmp_path_factory.mktemp("airflow")
    write(home / "source", days=len(BAD_LINES))
    for day, lines in BAD_LINES.items():
        with (home / "source/visits" / f"{day}.csv").open("a") as file:
            file.write(lines)
    for folder, name, text in (
        ("bundle", "planted_dags.py", BUNDLE),
        ("pipelines", "planted.py", DECLARATION),
    ):
        (home / folder).mkdir()
        (home / folder / name).write_text(text)
    env = os.environ | {
        "AIRFLOW_HOME": str(home / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "bundle"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_VAR_MILLRACE_STORE": str(home / "store"),
        "AIRFLOW_VAR_MILLRACE_SOURCE": str(home / "source"),
        "MILLRACE_PIPELINES": str(home / "pipelines"),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
    }  # fmt: skip
    migrated = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrated, env=env, check=True, capture_output=True)
    runs = [("planted_data", None, {"partition": day}, {}) for day in BAD_LINES]
    for run in runs:  # a form's values stay in the DAG object of one process
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests/dags/run_dags.py"), json.dumps([run])],
            cwd=ROOT, env=env, capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        with (home / "said.txt").open("a") as file:
            file.write(f"{done.stdout}\n{done.stderr}\n")
    return home


def test_what_is_printed_has_none_and_the_runs_ended_as_they_should(home):
    said = (home / "said.txt").read_text()
    assert signs_in(said) == []
    states = [json.loads(x)[0]["tasks"] for x in said.splitlines() if x.startswith('[{"state"')]
    assert [each["ingest"] for each in states] == ["success", "failed", "success"]
    assert "in line 62" in said


def test_no_table_of_the_database_has_one(home):
    database = sqlite3.connect(home / "home/airflow.db")
    tables = [
        name
        for (name,) in database.execute("select name from sqlite_master where type='table'")
    ]
    rows = 0
    for table in tables:
        for row in database.execute(f'select * from "{table}"'):
            rows += 1
            text = " ".join(
                v.decode("latin-1") if isinstance(v, bytes) else str(v) for v in row
            )
            assert signs_in(text) == [], table
    assert rows > 50


def test_no_log_and_no_other_file_has_one(home):
    assert leaks(home / "home") == {}
    assert leaks(home / "store") == {}
