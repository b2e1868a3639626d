"""A promotion that was killed at any point and is run again ends as if it had not been killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pipelines.shared.registry import Registered, read_registry
from pipelines.shared.registry.client import open_client
from tests.pipelines.made_models import done, publish_model, publish_training_set

ROOT = Path(__file__).resolve().parents[4]


def prepare(root, *, champion):
    """A store with a model that waits to be promoted, over a worse, earlier champion or none."""
    for as_of, quality, seed in (("2026-02-01", 0.6, 8), ("2026-03-01", 1.0, 3)):
        if champion or as_of == "2026-03-01":
            publish_training_set(root, as_of=as_of, seed=seed)
            publish_model(root, as_of=as_of, quality=quality)
            done("evaluate", root, as_of=as_of)
        if champion and as_of < "2026-03-01":
            done("promote", root, as_of=as_of)
    return root


@pytest.fixture(scope="module")
def over_a_champion(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("prepared"), champion=True)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("prepared"), champion=False)


def kills(prepared, tmp_path, *, step, what):
    """Results of promotions killed at every ``step``-th call or commit, and run again."""
    champion = (prepared / "mlflow.db").exists()
    argv = [sys.executable, "-m", "tests.pipelines.stages.promote.killed_promotions"]
    argv += [str(prepared), str(tmp_path), str(step), what]
    ran = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    results = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [t["ended"] for t in results] == [-signal.SIGKILL] * (len(results) - 1) + [0]
    for each in results:
        assert each["state"] == results[-1]["state"], f"killed after {each['after']} {what}"
    ended = results[-1]["state"]
    assert ended["versions"] == ([[2, True], [1, False]] if champion else [[1, True]])
    assert ended["champions"] == ([1, 2] if champion else [1])
    assert len(ended["runs"]) == len(ended["versions"])
    return results


@pytest.mark.parametrize(
    ("made", "step"),
    [
        pytest.param("over_a_champion", 4, id="some"),
        pytest.param("over_a_champion", 1, id="every", marks=pytest.mark.slow),
        pytest.param("first", 1, id="first", marks=pytest.mark.slow),
    ],
)
def test_killed_before_a_call_to_mlflow_it_makes_no_second_run_or_version(
    tmp_path, request, made, step
):
    results = kills(request.getfixturevalue(made), tmp_path, step=step, what="calls")
    assert len(results) > 8 / step


@pytest.mark.slow  # registry/test_killed_writers.py kills one writer inside its commit
def test_killed_inside_a_commit_it_leaves_a_registry_that_reads_and_goes_on(
    tmp_path, over_a_champion
):
    results = kills(over_a_champion, tmp_path, step=1, what="commits")
    assert [t["journal"] for t in results] == [True] * (len(results) - 1) + [False]
    assert len(results) > 5


@pytest.mark.parametrize(
    ("rounds", "seed"),
    [(2, 1), pytest.param(150, 2, marks=pytest.mark.slow)],
)
def test_of_changes_at_once_and_killed_ones_each_is_made_whole_or_not_at_all(
    tmp_path, over_a_champion, rounds, seed
):
    argv = [sys.executable, "-m", "tests.pipelines.stages.promote.contended_changes"]
    argv += [str(over_a_champion), str(tmp_path), str(rounds), str(seed)]
    ran = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    results = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(results) == rounds
    for each in results:
        require_whole(each)


def require_whole(found):
    """Each process that ended well made its change, each change follows the one before it."""
    changes = found["changes"]
    versions = [change["version"] for change in changes]
    assert [change["was"] for change in changes] == [None, *versions[:-1]], found
    assert found["champion"] == found["champions"][-1] == versions[-1], found
    made = Counter(change["who"] for change in changes if change["who"] != "promote")
    known = set()
    for (child, code, error), what in zip(found["ends"], found["todo"], strict=True):
        who = f"process {child}"
        known.add(who)
        assert code in (0, 3, -signal.SIGKILL), found
        assert made[who] <= 1, found
        assert code != 3 or made[who] == 0, found
        if code == 0 and what != "stage":
            is_champion_already = {"one": 1, "two": 2}.get(what.partition(",")[0])
            assert made[who] == 1 or is_champion_already in versions, found
        if code == 3:
            assert re.search("no version 2|no earlier champion|was expected", error), found
    assert made.keys() <= known
    by_stage = [change for change in changes if change["who"] == "promote"]
    # That of the champion before, perhaps one that prepared the round, one at most by each process.
    assert len(by_stage) <= 2 + found["todo"].count("stage"), found


def test_a_registry_killed_while_it_is_made_is_absent_and_made_again(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    code = f"from pipelines.shared.registry.client import open_client; open_client({uri!r})"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".staging-*")):
        assert child.poll() is None, "it was made before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "mlflow.db").exists()
    assert read_registry(uri, "fraud_detection") == Registered()
    assert open_client(uri).search_registered_models() == []
