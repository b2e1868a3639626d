"""One room's tests give a quick answer: what is left out exists, and every room has tests that are not."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests/pipelines"
LEFT_OUT = re.findall(r"^--deselect=(.+)$", (ROOT / "tests/quick.args").read_text(), re.M)
DEEPER = ("shared", "stages")


def room_of(path):
    parts = path.relative_to(TESTS).parts
    return "/".join(parts[: 2 if parts[0] in DEEPER else 1])


ROOMS = sorted({room_of(path) for path in TESTS.rglob("test_*.py")})


def functions_of(path):
    tree = ast.parse(path.read_text())
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}


def test_what_is_left_out_is_there():
    assert len(LEFT_OUT) == len(set(LEFT_OUT)) > 10
    for each in LEFT_OUT:
        file, _, function = each.partition("::")
        assert (ROOT / file).is_file(), each
        assert not function or function in functions_of(ROOT / file), each


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_tests_that_are_quick(room):
    slow = "pytestmark = pytest.mark.slow"
    files = [p for p in (TESTS / room).rglob("test_*.py") if slow not in p.read_text()]
    quick = [p for p in files if p.relative_to(ROOT).as_posix() not in LEFT_OUT]
    assert quick, f"tests/quick.args leaves out all of {room}"


def test_the_make_target_runs_one_room_without_them():
    ran = subprocess.run(
        ["make", "-n", "test-of", "ROOM=stages/ingest"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "@tests/quick.args tests/pipelines/stages/ingest" in ran.stdout
