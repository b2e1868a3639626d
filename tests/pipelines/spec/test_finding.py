"""Pipelines are found in users' folders, in installed packages and among our own, by one way."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.process.environ import child_environ
from pipelines.protocol.identity.code import reached_from
from pipelines.spec import declared_names, load, load_all
from pipelines.spec.folders import VARIABLE, folders, project_root
from pipelines.spec.registry import folder_of
from pipelines.spec.simulation import best_scores_of, simulation_of
from tests.pipelines.process.following import Toy, bare_server

ROOT = Path(__file__).resolve().parents[3]
OURS = ("disease_progression", "fraud_detection")
TEMPLATE = (ROOT / "pipelines/drivers/scaffold/templates/declaration.txt").read_text()


def declaration(name: str) -> str:
    return TEMPLATE.replace("PIPELINE_NAME", name)


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text))
    return file


@pytest.fixture
def source_folder(tmp_path, monkeypatch):
    """A folder of pipelines that the variable names."""
    folder = tmp_path / "pipelines"
    folder.mkdir()
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def test_a_folder_of_the_variable_and_our_own_domains_are_both_found(source_folder):
    write(source_folder / "tracking" / "declaration.py", declaration("tracking"))
    write(source_folder / "single.py", declaration("single"))
    write(source_folder / "helpers.py", "LIMIT = 3\n")
    write(source_folder / "_hidden" / "declaration.py", "no Python")
    assert declared_names() == [*OURS, "single", "tracking"]
    assert load("tracking").name == "tracking"
    assert load("single").name == "single"
    assert load("fraud_detection").name == "fraud_detection"


@pytest.mark.parametrize("name", ["tracking", "train", "json", "pipelines", "spec", "airflow"])
def test_a_pipeline_may_have_the_name_of_any_module(name, source_folder):
    write(
        source_folder / name / "declaration.py", f"from .own import WHAT\n{declaration(name)}"
    )
    write(source_folder / name / "own.py", "import json\nWHAT = json.dumps(1)\n")
    assert load(name).name == name
    assert load(name) is load(name)
    assert child("import json; print(json.dumps(2))") == "2"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(name=st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True))
def test_whatever_name_a_declaration_may_have_it_is_found_by(name, source_folder):
    file = write(source_folder / name / "declaration.py", declaration(name))
    try:
        assert load(name).name == name
    finally:
        shutil.rmtree(file.parent)


def test_folders_are_looked_through_in_their_order_and_each_once(tmp_path, monkeypatch):
    first, second = tmp_path / "b", tmp_path / "a"
    for folder in (first, second):
        folder.mkdir()
    (tmp_path / "link").symlink_to(first)
    paths = (first, second, first, tmp_path / "link")
    monkeypatch.setenv(VARIABLE, os.pathsep.join(map(str, paths)) + os.pathsep)
    assert folders() == (first, second)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("pipelines", "is a relative path; expected an absolute one"),
        ("~/pipelines", "is a relative path; expected an absolute one"),
        (
            "{tmp}/nowhere",
            "does not exist; expected a folder that contains <name>/declaration.py",
        ),
        ("{tmp}/file", "is a file; expected a folder"),
        ("{tmp}/one", "is a pipeline itself; expected the folder above it"),
        ("{tmp}/package/pipelines", "takes? that folder for Millrace's|Remove the file"),
    ],
)
def test_a_variable_that_names_no_folder_of_pipelines_is_an_error(
    value, reason, tmp_path, monkeypatch
):
    write(tmp_path / "file", "")
    write(tmp_path / "one" / "declaration.py", declaration("one"))
    write(tmp_path / "package" / "pipelines" / "__init__.py", "")
    monkeypatch.setenv(VARIABLE, value.format(tmp=tmp_path))
    for look in (declared_names, lambda: load("fraud_detection"), child_environ):
        with pytest.raises(ConfigError, match=reason) as caught:
            look()
        assert VARIABLE in str(caught.value)


def test_two_pipelines_of_one_name_are_an_error_that_names_both(tmp_path, monkeypatch):
    files = [
        write(tmp_path / part / "same" / "declaration.py", declaration("same")) for part in "ab"
    ]
    monkeypatch.setenv(VARIABLE, os.pathsep.join(str(tmp_path / part) for part in "ab"))
    assert declared_names() == [*OURS, "same"]
    with pytest.raises(ConfigError, match="There are 2 pipelines 'same'") as caught:
        load("same")
    assert all(str(file) in str(caught.value) for file in files)


def test_a_pipeline_named_like_one_of_ours_is_an_error_that_names_both(source_folder):
    write(source_folder / "fraud_detection.py", declaration("fraud_detection"))
    with pytest.raises(
        ConfigError, match=r"domains/fraud_detection/declaration\.py\. Rename one"
    ):
        load("fraud_detection")


BROKEN = {
    "syntax": ("x = (\n", r"syntax/declaration\.py, line 1: .* SyntaxError"),
    "missing": ("import os\nimport nothing_like_it\n", r"missing/declaration\.py, line 2: .*ModuleNotFoundError"),
    "raising": ("import json\n\njson.loads('x')\n", r"raising/declaration\.py, line 3: .*JSONDecodeError"),
    "leaving": ("raise SystemExit(3)\n", r"leaving/declaration\.py, line 1: .*SystemExit"),
    "empty": ("", r"empty/declaration\.py: expected a Pipeline called PIPELINE; it has none"),
    "other": ("PIPELINE = 3\n", r"other/declaration\.py: expected a Pipeline .* it is of type int"),
    "renamed": (declaration("another"), r"renamed/declaration\.py: PIPELINE is named 'another'"),
    "Capital-case": (declaration("x"), r"'Capital-case' cannot name a pipeline"),
    "mistaken": (declaration("mistaken").replace("row_id=", "rowid="), "mistakes? in the declaration"),
}  # fmt: skip


def test_broken_declarations_say_file_and_line_and_hide_no_other(source_folder, caplog):
    for name, (text, _) in BROKEN.items():
        write(source_folder / name / "declaration.py", text)
    write(source_folder / "sound" / "declaration.py", declaration("sound"))
    assert declared_names() == sorted([*BROKEN, "sound", *OURS])
    for name, (_, reason) in BROKEN.items():
        with pytest.raises(ConfigError, match=reason):
            load(name)
    assert [pipeline.name for pipeline in load_all()] == [*OURS, "sound"]
    assert all(f"{name} is skipped" in caplog.text for name in BROKEN)


def test_an_error_deep_in_a_users_helper_is_reported_with_the_helpers_line(source_folder):
    write(
        source_folder / "deep" / "declaration.py",
        "from .helper import limit\nLIMIT = limit()\n",
    )
    write(source_folder / "deep" / "helper.py", "def limit():\n    return int('many')\n")
    with pytest.raises(
        ConfigError, match=r"deep/helper\.py, line 2: .*ValueError: invalid lit"
    ):
        load("deep")


def test_a_declaration_that_was_corrected_is_loaded_in_the_same_process(source_folder):
    file = write(source_folder / "mended" / "declaration.py", "x = (\n")
    with pytest.raises(ConfigError, match="SyntaxError"):
        load("mended")
    write(file, declaration("mended"))
    assert load("mended").name == "mended"


def test_another_value_of_the_variable_is_followed_in_the_same_process(tmp_path, monkeypatch):
    for title in ("first", "second"):
        text = declaration("same").replace('title="same"', f'title="{title}"')
        write(tmp_path / title / "same" / "declaration.py", text)
        monkeypatch.setenv(VARIABLE, str(tmp_path / title))
        assert load("same").title == title


def test_a_project_is_found_from_any_folder_below_it(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    write(tmp_path / "pyproject.toml", '[tool.millrace]\npipelines = "own"\n')
    write(tmp_path / "own" / "tracking" / "declaration.py", declaration("tracking"))
    monkeypatch.chdir(tmp_path / "own" / "tracking")
    assert project_root() == tmp_path
    assert load("tracking").name == "tracking"
    assert child_environ()[VARIABLE] == str(tmp_path / "own")
    monkeypatch.setenv(VARIABLE, "")
    assert "tracking" in declared_names()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[tool.millrace\n", "cannot be read"),
        ("[tool.millrace]\npipelines = 3\n", "expected a folder or a list"),
        ("[tool.millrace]\npipelines = 'nowhere'\n", "does not exist"),
    ],
)
def test_a_project_that_names_no_folder_is_an_error_that_names_its_file(
    text, reason, tmp_path, monkeypatch
):
    monkeypatch.delenv(VARIABLE, raising=False)
    write(tmp_path / "pyproject.toml", text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=rf"pyproject\.toml.*{reason}"):
        declared_names()


def installed(folder: Path, *points: str) -> None:
    """A package as an installer leaves it: its metadata lie beside its modules."""
    metadata = folder / "acme-1.0.dist-info"
    write(metadata / "METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    lines = "".join(f"{point}\n" for point in points)
    write(metadata / "entry_points.txt", f"[millrace.pipelines]\n{lines}")


def test_an_installed_package_offers_pipelines_by_its_entry_points(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path / "acme" / "__init__.py", "")
    write(tmp_path / "acme" / "visits" / "declaration.py", declaration("visits"))
    write(tmp_path / "acme" / "flat.py", declaration("flat"))
    write(tmp_path / "acme" / "many.py", declaration("third").replace("PIPELINE =", "THIRD ="))
    write(tmp_path / "acme" / "broken.py", "import nothing_like_it\n")
    points = ("visits = acme.visits", "flat = acme.flat", "third = acme.many:THIRD")
    installed(tmp_path, *points, "broken = acme.broken", "gone = acme.gone")
    assert {"visits", "flat", "third", "broken", "gone"} <= set(declared_names())
    for name in ("visits", "flat", "third"):
        assert load(name).name == name
    with pytest.raises(ConfigError, match=r"acme/broken\.py, line 1: .*nothing_like_it"):
        load("broken")
    with pytest.raises(ConfigError, match=r"entry point gone = acme\.gone of acme: .*acme"):
        load("gone")


NETWORK = """
def build(inputs, seed, width=4):
    return width
"""
WITH_NETWORK = (
    declaration("own_network")
    .replace("from pipelines.spec import (", "from pipelines.spec import (\n    Builder,\n    Validation,")
    .replace("    split=", '    model=Builder("NAME"),\n    validation=Validation(suites=("shop.json",)),\n    split=')
)  # fmt: skip


@pytest.fixture
def own_network(source_folder):
    write(
        source_folder / "own_network" / "declaration.py",
        WITH_NETWORK.replace("NAME", ".network.build"),
    )
    write(source_folder / "own_network" / "network.py", NETWORK)
    return source_folder


def test_a_network_and_a_suite_beside_the_declaration_are_the_pipelines_own(own_network):
    from pipelines.shared.expectations.rules import suite_path

    pipeline = load("own_network")
    assert pipeline.model.function == "pipelines.projects.own_network.network.build"
    folder = own_network / "own_network"
    assert folder_of("own_network") == folder
    assert suite_path(pipeline, "shop.json") == folder / "shop.json"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (".netwrk.build", "there is no Python module 'pipelines.projects.own_network.netwrk'"),
        ("....network.build", "goes above pipelines.projects.own_network"),
    ],
)
def test_a_network_that_is_not_beside_the_declaration_is_an_error(
    function, reason, own_network
):
    text = WITH_NETWORK.replace("NAME", function)
    write(own_network / "own_network" / "declaration.py", text)
    with pytest.raises(ConfigError, match=reason):
        load("own_network")


def test_a_users_code_names_what_it_makes_and_the_folder_it_lies_in_does_not(
    own_network, tmp_path, monkeypatch
):
    root = "pipelines.projects.own_network.network.build"
    network = own_network / "own_network" / "network.py"
    widths = write(network.with_name("widths.py"), "WIDTH = 4\n")
    write(
        network, "from .widths import WIDTH\n\n\ndef build(inputs, seed):\n    return WIDTH\n"
    )

    def digest() -> str:
        return reached_from.__wrapped__(root).digest

    first = digest()
    write(widths, "WIDTH = 4  # units\n")
    assert digest() == first
    shutil.copytree(own_network, tmp_path / "moved")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "moved"))
    assert digest() == first
    write(tmp_path / "moved" / "own_network" / "widths.py", "WIDTH = 5\n")
    assert digest() != first
    monkeypatch.setenv(VARIABLE, str(own_network))
    assert digest() == first


def child(code: str) -> str:
    """What a program prints that has the environment of a stage."""
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=child_environ(), capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_users_function_is_pickled_by_reference_for_another_process(own_network, tmp_path):
    from importlib import import_module

    load("own_network")
    function = import_module("pipelines.projects.own_network.network").build
    (tmp_path / "function").write_bytes(pickle.dumps(function))
    code = f"import pickle; print(pickle.load(open({str(tmp_path / 'function')!r}, 'rb'))({{}}, 1, width=7))"
    assert child(code) == "7"


def test_a_forked_and_a_spawned_stage_load_a_users_pipeline(own_network):
    server = bare_server()
    try:
        for forked in (True, False):
            found = Toy().run("network", "own_network", server=forked)
            assert found.forked is forked
            assert found.result["width"] == 7
    finally:
        server.terminate()
        server.wait(10)


def test_a_pipeline_offers_a_simulation_beside_its_declaration_or_says_that_it_has_none(
    source_folder,
):
    write(source_folder / "bare" / "declaration.py", declaration("bare"))
    with pytest.raises(ConfigError, match="bare has no simulation"):
        simulation_of("bare")
    write(source_folder / "half" / "declaration.py", declaration("half"))
    write(source_folder / "half" / "simulation.py", "SIZE = 3\nDEMONSTRATION = 4\n")
    with pytest.raises(ConfigError, match=r"half/simulation\.py has no simulate_source"):
        simulation_of("half")
    assert simulation_of("fraud_detection").SIZE.most == 250_000_000
    assert best_scores_of("fraud_detection") is None
