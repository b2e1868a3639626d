"""What a parse of all DAG files and plugins costs: seconds, memory, imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    *("tensorflow", "keras", "pandas", "numpy", "dask", "distributed", "great_expectations"),
    *("mlflow", "pyarrow", "cudf", "cupy", "sklearn", "fastapi"),
}
DAG_FILES = sorted(path.stem for path in (ROOT / "dags").glob("*.py"))

PROBE = """
import importlib, json, sys, time
sys.path[:0] = ["dags", "plugins", "."]
started = time.process_time()
import airflow.sdk
from airflow.sdk import DAG, BaseOperator, Asset, CronPartitionTimetable, ExceptionRetryPolicy, Param
from airflow.triggers.base import BaseTrigger
sdk = time.process_time() - started
started = time.process_time()
for name in sys.argv[1:]:
    importlib.import_module(name)
from pipelines.core.memory import peak_memory_bytes  # getrusage counts the parent's memory too
print(json.dumps({
    "sdk_s": sdk,
    "dags_s": time.process_time() - started,
    "peak_bytes": peak_memory_bytes(),
    "modules": sorted({name.split(".")[0] for name in sys.modules}),
}))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "millrace_plugin", *DAG_FILES],
        cwd=ROOT,
        env={"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_dag_file_and_the_plugin_are_parsed_within_a_second(parsed):
    share = parsed["dags_s"] / parsed["sdk_s"]
    print(
        f"{len(DAG_FILES)} DAG files: {parsed['dags_s']:.2f} CPU-s, {share:.2f} x airflow.sdk"
    )
    assert parsed["dags_s"] < 1.0


def test_parsing_takes_less_than_150_mb(parsed):
    print(f"peak memory of a parse: {parsed['peak_bytes'] / 1e6:.0f} MB")
    assert 0 < parsed["peak_bytes"] < 150e6


def test_parsing_imports_nothing_heavy(parsed):
    assert set(parsed["modules"]) & HEAVY == set()


def test_a_dag_file_is_wiring_of_at_most_sixty_lines():
    for name in DAG_FILES:
        lines = (ROOT / "dags" / f"{name}.py").read_text().splitlines()
        assert len(lines) <= 60, f"dags/{name}.py has {len(lines)} lines"
