import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.cli.app import app
from pipelines.core.errors import ConfigError
from pipelines.drivers.scaffold.check import findings, findings_of_all
from pipelines.drivers.scaffold.new import scaffold
from pipelines.drivers.scaffold.project import init
from pipelines.spec import load
from pipelines.spec.folders import VARIABLE

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def repository(tmp_path):
    for part in ("pipelines", "plugins", "dags"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A user's project, worked in."""
    folder = tmp_path / "project"
    init(folder, "example")
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(folder)
    return folder


def in_project(folder, *argv):
    """What a command in the project's folder prints; only the library is on the path."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, *argv]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_a_new_pipeline_is_valid_and_its_dag_file_parses(repository):
    written = scaffold("patient_visits", repository)
    assert Path("dags/patient_visits.py") in written
    command = (
        "import patient_visits; from pipelines.spec import load;"
        "print(load('patient_visits').name, patient_visits.data.dag_id)"
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
    assert out.stdout.splitlines()[-1] == "patient_visits patient_visits_data"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/pipelines/domains/patient_visits"],
        cwd=repository,
        env=env,
        check=True,
    )


def test_a_new_pipeline_replaces_no_file(repository):
    scaffold("patient_visits", repository)
    with pytest.raises(ConfigError, match=r"exists in .*\. Choose another name"):
        scaffold("patient_visits", repository)


REFUSED = ["Patients", "2nd", "patient-visits", "", "_own", "a.b", "../x", "class", "lambda"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_cannot_be_a_module_is_refused(name, project):
    with pytest.raises(ConfigError, match="cannot name a pipeline"):
        scaffold(name, project)


def test_a_name_that_is_taken_is_refused(project):
    for name in ("example", "fraud_detection"):
        with pytest.raises(ConfigError, match=f"A pipeline '{name}' exists already"):
            scaffold(name, project)


def test_a_folder_that_is_no_project_is_refused_with_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match=r"neither a project nor .* `millrace init DIR`"):
        scaffold("patient_visits", tmp_path)


@pytest.mark.parametrize("name", ["tracking", "json", "pipelines", "airflow", "match"])
def test_a_new_pipeline_of_a_project_may_have_any_modules_name(name, project):
    written = scaffold(name, project)
    assert written[0] == Path("pipelines") / name / "declaration.py"
    assert load(name).name == name
    assert (project / "dags" / f"{name}.py").is_file()


def test_a_project_passes_its_own_check_and_tests(project):
    scaffold("tracking", project)
    ended = in_project(project, "-m", "pytest", "-q")
    assert "2 passed" in ended.stdout, ended.stdout + ended.stderr
    checked = findings_of_all(store=None)
    assert list(checked) == ["example", "tracking"]
    assert all(finding.ok for found in checked.values() for finding in found)


def test_check_lists_every_pipeline_and_fails_for_one_that_is_broken(project, capsys):
    (project / "pipelines" / "broken").mkdir()
    (project / "pipelines" / "broken" / "declaration.py").write_text("PIPELINE = (\n")
    with pytest.raises(ConfigError, match="broken: 1 of 1 checks failed"):
        app(args=["check", "--json"], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [f["ok"] for f in found if f["pipeline"] == "example"] == [True, True, True]
    assert "declaration.py, line 1" in next(f["text"] for f in found if not f["ok"])


def test_every_file_of_a_project_is_new_and_none_is_replaced(project):
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=r"is not empty: it has \.gitignore, Makefile"):
        init(project, "another")
    (project / "dags" / "visits.py").write_text("mine")
    with pytest.raises(ConfigError, match=r"dags/visits\.py exists"):
        scaffold("visits", project)
    assert not (project / "pipelines" / "visits").exists()
    assert {path: path.read_bytes() for path in before} == before


def test_a_repository_without_files_may_become_a_project(tmp_path):
    (tmp_path / ".git").mkdir()
    assert Path("Makefile") in init(tmp_path, "example")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder.write_text(""), "is a file"),
        (lambda folder: folder.parent.joinpath("a:b").mkdir(), "separates the folders"),
        (lambda folder: folder.mkdir() or (folder / "data.csv").write_text(""), "is not empty"),
    ],
)
def test_a_folder_that_cannot_become_a_project_is_refused(make, reason, tmp_path):
    make(tmp_path / "taken")
    folder = tmp_path / ("a:b" if (tmp_path / "a:b").exists() else "taken")
    with pytest.raises(ConfigError, match=reason):
        init(folder, "example")


def test_a_folder_that_cannot_be_written_is_refused():
    with pytest.raises(ConfigError, match=r"/proc.* cannot be written|/proc.* cannot be read"):
        init(Path("/proc/self/nowhere/project"), "example")


@pytest.mark.parametrize("name", ["Example", "class", "fraud_detection", "housekeeping"])
def test_a_first_pipeline_that_cannot_be_named_so_is_refused(name, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot name|Choose another"):
        init(tmp_path / "project", name)
    assert not (tmp_path / "project").exists()


def test_a_projects_housekeeping_is_this_repositorys():
    template = ROOT / "pipelines/drivers/scaffold/templates/project/housekeeping.txt"
    assert template.read_text() == (ROOT / "dags" / "housekeeping.py").read_text()


def test_check_finds_a_missing_day_and_a_store_that_can_be_written(tmp_path):
    found = findings(
        "fraud_detection", source=str(tmp_path), store=str(tmp_path / "s"), day="2026-01-01"
    )
    assert [finding.ok for finding in found] == [True, True, True, False, True]
    assert "2026-01-01" in found[3].text
