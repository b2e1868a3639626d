"""What the docs point at: files, tests and pages that exist."""

import re
from pathlib import Path

import pytest
import typer

from pipelines.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "infra/README.md"])
TREES = ("dags", "docs", "infra", "pipelines", "plugins", "tests")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?:{'|'.join(TREES)})/[\w./-]+\.(?:py|md|yaml|j2|toml|sh|css|svg|png)")
# A test's name, or the beginning of one: `test_a_truncated_gzip_...`.
TEST = re.compile(r"\btest_\w+\b(?:\.\.\.)?")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
# Settings of declarations, which are no tests.
SETTINGS = {"test_days"}
# CONTRIBUTING's recipes name the files that they add.
ADDED = re.compile(r"^```(?:python|diff)\n.*?^```$", re.MULTILINE | re.DOTALL)
# A user's own files, which the docs say how to write.
OWN = {
    "infra/compose.override.yaml",
    "pipelines/example/declaration.py",
    "dags/example.py",
    "pipelines/deliveries/declaration.py",
    "dags/deliveries.py",
}
FILES = {path for tree in TREES for path in (ROOT / tree).rglob("*.*")}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


@pytest.fixture(scope="module")
def tests():
    """Names of test modules and functions, and paths of test files below ``tests``."""
    files = sorted((ROOT / "tests").rglob("*.py"))
    functions = {n for f in files for n in re.findall(r"def (test_\w+)", f.read_text())}
    return functions | {f.stem for f in files}, [f.relative_to(ROOT).as_posix() for f in files]


@pages
def test_a_path_in_the_docs_is_there(page):
    said = ADDED.sub("", page.read_text())
    paths = {each for code in CODE.findall(said) for each in PATH.findall(code)}
    paths -= OWN
    assert [
        path for path in sorted(paths) if not {ROOT / path, ROOT / "tests" / path} & FILES
    ] == []


@pages
def test_a_link_in_the_docs_leads_somewhere(page):
    links = set(LINK.findall(page.read_text()))
    assert [link for link in sorted(links) if not (page.parent / link).exists()] == []


@pages
def test_a_test_that_the_docs_name_is_there(page, tests):
    names, _ = tests
    said = {name for code in CODE.findall(page.read_text()) for name in TEST.findall(code)}
    missing = {name for name in said if not name.endswith("...")} - names - SETTINGS
    starts = {name.removesuffix("...") for name in said if name.endswith("...")}
    missing |= {each for each in starts if not any(name.startswith(each) for name in names)}
    assert sorted(missing) == []


def test_what_covers_a_promise_of_the_readme_is_there(tests):
    _, files = tests
    said = re.findall(r"`([\w/]+/test_\w+\.py|test_\w+\.py)`", (ROOT / "README.md").read_text())
    roots = ("tests/", "tests/pipelines/", "tests/pipelines/stages/")
    assert len(said) > 40
    assert [path for path in said if not any(root + path in files for root in roots)] == []


def test_the_readme_lists_every_command_and_every_room():
    said = (ROOT / "README.md").read_text()
    listed = re.findall(r"^python -m pipelines ((?:\w+ \| )+\w+)$", said, re.MULTILINE)
    commands = {each for line in listed for each in line.split(" | ")}
    assert commands == set(typer.main.get_command(app).commands)
    rooms = {path.parent.name for path in ROOT.glob("pipelines/*/__init__.py")}
    (row,) = (line for line in said.splitlines() if line.startswith("| `pipelines/` |"))
    assert set(re.findall(r"`(\w+)`", row)) == rooms
