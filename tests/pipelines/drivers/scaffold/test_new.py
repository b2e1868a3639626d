import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.errors import ConfigError
from pipelines.drivers.scaffold.check import findings
from pipelines.drivers.scaffold.new import scaffold

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def repository(tmp_path):
    for part in ("pipelines", "plugins", "dags"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_new_pipeline_is_valid_and_its_dag_file_parses(repository):
    written = scaffold("patient_visits", repository)
    assert Path("dags/patient_visits.py") in written
    command = (
        "import patient_visits; from pipelines.spec import load;"
        "print(load('patient_visits').name, *sorted(n for n in dir(patient_visits) if '_data' in n))"
    )
    env = os.environ | {
        "PYTHONPATH": ".:plugins:dags",
        "AIRFLOW_HOME": str(repository / "home"),
    }
    out = subprocess.run(
        [sys.executable, "-c", command],
        cwd=repository,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.splitlines()[-1].startswith("patient_visits ")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/pipelines/patient_visits"],
        cwd=repository,
        env=env,
        check=True,
    )


def test_a_new_pipeline_replaces_no_file(repository):
    scaffold("patient_visits", repository)
    with pytest.raises(ConfigError, match=r"exists\. Choose another name"):
        scaffold("patient_visits", repository)


@pytest.mark.parametrize("name", ["Patients", "2nd", "patient-visits", ""])
def test_a_name_that_cannot_be_a_package_is_refused(name, repository):
    with pytest.raises(ConfigError, match="cannot name a pipeline"):
        scaffold(name, repository)


def test_a_folder_that_is_no_repository_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="Pass --root"):
        scaffold("patient_visits", tmp_path)


def test_check_tells_a_missing_day_and_a_read_only_store_apart_from_what_is_well(tmp_path):
    found = findings(
        "fraud_detection", source=str(tmp_path), store=str(tmp_path / "s"), day="2026-01-01"
    )
    assert [finding.ok for finding in found] == [True, True, True, False, True]
    assert "2026-01-01" in found[3].text
