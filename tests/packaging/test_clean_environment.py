"""The wheel in an environment without this repository: a project is made, checked, run and scheduled."""

import json
import os
import shutil
import site
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.packaging.made_days import ROWS, write_days

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
SOURCES = ("pipelines", "plugins", "pyproject.toml", "README.md", "LICENSE")
DAYS = ("2026-01-01", "2026-01-04")

NETWORK = '''"""A network of the user's own."""

import keras

from .widths import WIDTH


def build(inputs, seed):
    start = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(WIDTH, kernel_initializer=start, name="own")(inputs["x"])
'''
SUITE = {
    "name": "own",
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "value", "max_value": 1e6},
        }
    ],
}
AIRFLOW = """
import json
import os
import sys
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import _get_plugins
from millrace.airflow.operator import StageOperator
bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"], bundle_name="dags-folder")
plugins, errors = _get_plugins()
found = [[plugin.name, str(plugin.source)] for plugin in plugins]
tasks = sorted(bag.dags["tracking_data"].task_ids)
ingest = StageOperator(task_id="ingest", stage="ingest", pipeline="tracking", partition="2026-01-01",
                       source=sys.argv[1], store=sys.argv[2], new_interpreter=True)
rows = ingest.execute({})["rows"]
print(json.dumps([sorted(bag.dags), bag.import_errors, tasks, found, errors, rows]))
"""


def ran(*command: object, cwd: Path, env: dict[str, str]) -> str:
    """What a command prints; it must succeed."""
    argv = [str(word) for word in command]
    ended = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True)
    assert ended.returncode == 0, f"{argv}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def environ(home: Path, **more: str) -> dict[str, str]:
    """A user's environment: nothing in it names this repository."""
    kept = ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": str(home),
        **more,
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source distribution and the wheel that is built from it, as ``python -m build`` does."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, tree / name, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, tree)
    build = [UV, "build", "--quiet", "--offline", "--no-build-isolation"]
    ran(*build, "--python", sys.executable, "--out-dir", out, cwd=tree, env=environ(out))
    (wheel,), (source,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return SimpleNamespace(wheel=wheel, source=source)


@pytest.fixture(scope="module")
def user(built, tmp_path_factory):
    """An environment with the wheel and the locked libraries, and a project made in it."""
    folder = tmp_path_factory.mktemp("user")
    venv, project = folder / "venv", folder / "project"
    env = environ(folder)
    ran(UV, "venv", "-q", "--offline", "--python", sys.executable, venv, cwd=folder, env=env)
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "locked.pth").write_text("\n".join(site.getsitepackages()))
    install = [UV, "pip", "install", "-q", "--offline", "--no-deps"]
    ran(*install, "--python", venv / "bin" / "python", built.wheel, cwd=folder, env=env)
    env["PATH"] = f"{venv / 'bin'}{os.pathsep}{env['PATH']}"
    ran("millrace", "init", project, cwd=folder, env=env)
    ran("millrace", "new", "tracking", cwd=project, env=env)
    return SimpleNamespace(project=project, env=env, python=venv / "bin" / "python")


def test_the_wheel_holds_every_file_of_both_packages_and_no_other_package(built):
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    wanted = {
        str(path.relative_to(top))
        for top, package in ((ROOT, "pipelines"), (ROOT / "plugins", "millrace"))
        for path in (top / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == wanted
    with tarfile.open(built.source) as source:
        held = {name.partition("/")[2] for name in source.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE"} <= held
    assert not {name for name in held if name.startswith(("tests", "dags", "docs"))}


def test_the_wheel_wants_what_the_project_declares_and_offers_its_entry_points(built):
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with zipfile.ZipFile(built.wheel) as wheel:
        (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
        metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
        points = wheel.read(f"{info}/entry_points.txt").decode()
    wanted = [each for each in metadata.get_all("Requires-Dist") if "extra ==" not in each]
    assert len(wanted) == len(declared["dependencies"])
    assert "millrace = pipelines.cli.app:main" in points
    domains = {path.parent.name for path in ROOT.glob("pipelines/domains/*/declaration.py")}
    assert set(declared["entry-points"]["millrace.pipelines"]) == domains


def test_the_console_command_is_the_module(user):
    help_ = ran("millrace", "--help", cwd=user.project, env=user.env)
    module = ran(user.python, "-m", "pipelines", "--help", cwd=user.project, env=user.env)
    assert help_ == module.replace("python -m pipelines", "millrace")
    code = "import millrace, pipelines; print(millrace.__file__, pipelines.__file__)"
    for file in ran(user.python, "-c", code, cwd=user.project, env=user.env).split():
        assert Path(file).is_relative_to(user.python.parents[1])


def test_a_project_passes_its_own_targets(user):
    printed = ran("make", "-s", "test", cwd=user.project, env=user.env)
    assert "2 passed" in printed
    assert printed.count("ok    gate") == 2


def test_a_users_pipeline_with_its_own_network_and_suite_becomes_a_model(user):
    own = user.project / "pipelines" / "tracking"
    (own / "network.py").write_text(NETWORK)
    (own / "widths.py").write_text("WIDTH = 4\n")
    (own / "own.json").write_text(json.dumps(SUITE))
    declaration = (own / "declaration.py").read_text()
    changes = {
        "import (\n": "import (\n    Builder,\n    Validation,\n",
        "    split=": '    model=Builder(".network.build"),\n'
        '    validation=Validation(suites=("own.json",)),\n    split=',
        "train_days=14, gap_days=1, test_days=7": "train_days=2, gap_days=1, test_days=1",
    }
    for old, new in changes.items():
        assert old in declaration
        declaration = declaration.replace(old, new, 1)
    (own / "declaration.py").write_text(declaration)
    write_days(user.project / "data", *DAYS)
    span = ("--from", DAYS[0], "--to", DAYS[1])
    where = ("--source", "data", "--store", ".millrace/store")
    few = ("--set", "training.epochs=1", "--set", "evaluation.bootstrap_samples=10")
    argv = ("millrace", "run", "tracking", *span, *where, *few, "--json")
    try:
        result = json.loads(ran(*argv, cwd=user.project, env=user.env).splitlines()[-1])
    finally:
        stop = (user.python, "-m", "pipelines.process.server", "--stop")
        ran(*stop, cwd=user.project, env=user.env)
    assert result["refused"] == []
    store = user.project / ".millrace" / "store" / "tracking"
    (model,) = store.glob("models/*/*/*/model.json")
    assert '"name": "own"' in model.read_text()
    recorded = (model.parent / "manifest.json").read_text()
    assert "pipelines.projects.tracking.network.build" in recorded
    assert str(user.project) not in recorded
    report = next(store.glob("validated/ds=2026-01-01/*/report.json")).read_text()
    assert "own.column_values_to_be_between.value" in report


def test_a_stock_airflow_lists_the_dags_and_the_plugin_once_and_runs_a_stage(user, tmp_path):
    write_days(tmp_path / "data", "2026-01-01", "2026-01-01")
    shutil.copy(ROOT / "plugins" / "millrace_plugin.py", tmp_path)
    env = user.env | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(user.project / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "MILLRACE_PIPELINES": str(user.project / "pipelines"),
    }
    where = (tmp_path / "data", tmp_path / "store")
    printed = ran(user.python, "-c", AIRFLOW, *where, cwd=tmp_path, env=env)
    dags, import_errors, tasks, plugins, errors, rows = json.loads(printed.splitlines()[-1])
    named = [
        f"{name}_{kind}"
        for name in ("example", "tracking")
        for kind in ("champion", "data", "model", "score", "score_days", "tune")
    ]
    assert dags == sorted([*named, "housekeeping"])
    assert import_errors == errors == {}
    assert tasks == ["announce_refusal", "featurize", "ingest", "taken_in", "validate"]
    assert rows == ROWS
    ours = [source for name, source in plugins if name == "millrace"]
    assert ours == ["millrace==0.1.0: " + ours[0].partition(": ")[2]]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("serve",), "run `make serve`"),
        (("run", "trackin", "--store", "s", "--source", "d", "--from", DAYS[0], "--to", DAYS[1]),
         "Did you mean 'tracking'"),
        (("new", "class"), "is a keyword of Python"),
        (("init", "."), "is not empty"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_project_is_one_sentence(argv, message, user):
    command = ["millrace", *argv]
    ended = subprocess.run(
        command, cwd=user.project, env=user.env, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
