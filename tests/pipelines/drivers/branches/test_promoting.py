"""Main's pointers moved to a branch's versions: whole, refused, killed half-way and taken up again."""

import subprocess
import sys

import pytest

from pipelines.core.errors import ArtifactError, ConfigError, PermanentError, TransientError
from pipelines.core.store import Ref, Store
from pipelines.core.store.branches import branch_names, pointers
from pipelines.core.store.verify import verify
from pipelines.drivers.branches.differences import branched_artifacts
from pipelines.drivers.branches.promoting import is_unfinished, promote_branch
from tests.pipelines.core.store.making import publish

FEATURES = [Ref("p", "features", f"ds=2026-01-0{day}") for day in (1, 2)]
TRAINED = Ref("p", "models", "as_of=2026-01-05/seed=0")
SCORES = Ref("p", "scores", "ds=2026-01-02")
REFS = (*FEATURES, TRAINED)

DRIVER = """
import os, signal, sys
from pipelines.core.store import Store
from pipelines.drivers.branches import promoting
calls = 0
def dying(function):
    def call(*given, **more):
        global calls
        calls += 1
        if calls > int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **more)
    return call
Store.replace = dying(Store.replace)
Store.unpoint = dying(Store.unpoint)
promoting._note = dying(promoting._note)
promoting.promote_branch(Store(sys.argv[1]), "p")
"""


def begun(root, name="b"):
    from pipelines.core.store.branches import begin

    branch = Store(str(root), name)
    begin(branch, "p")
    return branch


@pytest.fixture
def stores(tmp_path):
    main = Store(str(tmp_path / "store"))
    for ref in REFS:
        publish(main, ref=ref, config={"n": 1}, text="old")
    branch = begun(tmp_path / "store")
    for ref in REFS:
        publish(branch, ref=ref, config={"n": 2}, text="new")
    return main, branch


def state(store):
    return [store.find(ref).config["n"] for ref in REFS]


def test_main_publishes_what_the_branch_has_and_the_old_version_stays(stores):
    main, branch = stores
    publish(branch, ref=SCORES, config={"n": 2})
    assert (state(main), state(branch)) == ([1, 1, 1], [2, 2, 2])
    done = promote_branch(branch, "p")
    assert done.moved == [ref.path() for ref in REFS]
    # Scores that were not really given, and what the registry says, stay where they are.
    assert (done.stayed, done.settings) == ([SCORES.path()], ["config n: 1 -> 2"])
    assert state(main) == [2, 2, 2]
    assert main.find(SCORES) is None
    assert [len(main.versions(ref)) for ref in REFS] == [2, 2, 2]
    assert [ref for ref, _ in pointers(branch, "p")] == [SCORES]
    assert not verify(main).damaged
    assert promote_branch(branch, "p").moved == []


@pytest.mark.parametrize("at", range(12))
def test_a_promotion_killed_anywhere_leaves_whole_artifacts_and_is_taken_up_again(stores, at):
    main, branch = stores
    driver = [sys.executable, "-c", DRIVER, branch.address, str(at)]
    killed = subprocess.run(driver, check=False).returncode == -9
    assert killed == (at < 11)
    moved = state(main)
    assert moved == sorted(moved, reverse=True), "inputs move before what was made from them"
    assert state(branch) == [2, 2, 2]
    assert not verify(main).damaged
    assert is_unfinished(branch, "p") == (0 < at < 11)
    promote_branch(branch, "p")
    assert (state(main), list(pointers(branch, "p"))) == ([2, 2, 2], [])
    assert not is_unfinished(branch, "p")


def test_what_main_published_since_is_not_moved_over_unless_forced(stores):
    main, branch = stores
    publish(main, ref=FEATURES[0], config={"n": 3}, text="newest")
    with pytest.raises(
        PermanentError, match=r"is outdated: p/features/ds=2026-01-01 \(main pub"
    ):
        promote_branch(branch, "p")
    assert state(main) == [3, 1, 1]
    promote_branch(branch, "p", force=True)
    assert state(main) == [2, 2, 2]


def test_a_branch_that_ran_again_has_seen_what_main_published(stores):
    main, branch = stores
    publish(main, ref=FEATURES[0], config={"n": 3}, text="newest")
    branch.confirm(branch.find(FEATURES[0]))
    promote_branch(branch, "p")
    assert state(main) == [2, 2, 2]


def test_an_input_that_main_published_since_makes_a_branch_outdated(stores):
    main, branch = stores
    day = Ref("p", "ingested", "ds=2026-01-01")
    read = publish(main, ref=day, text="one")
    inputs = {"ingested ds=2026-01-01": read.content}
    publish(branch, ref=TRAINED, config={"n": 4}, inputs=inputs)
    publish(main, ref=day, text="two", config={"n": 9})
    [outdated] = [e for e in branched_artifacts(branch, "p") if e.outdated_by]
    assert outdated.ref == TRAINED
    with pytest.raises(
        PermanentError, match="ingested/ds=2026-01-01 is published with another"
    ):
        promote_branch(branch, "p")


def test_a_damaged_version_is_not_promoted(stores):
    main, branch = stores
    found = branch.find(TRAINED)
    (branch.open(found) / "deep" / "a.txt").write_text("bad")
    with pytest.raises(ArtifactError, match=r"damaged: p/models/.* --branch b"):
        promote_branch(branch, "p")
    assert state(main) == [1, 1, 1]


def test_work_that_is_going_on_is_waited_for(stores):
    main, branch = stores
    with main.lock(TRAINED), pytest.raises(TransientError, match="Main is making p/models"):
        promote_branch(branch, "p")
    with (
        branch.lock(TRAINED),
        pytest.raises(TransientError, match=r"working on models/.* of br"),
    ):
        promote_branch(branch, "p")
    assert state(main) == [1, 1, 1]


def test_a_branch_that_is_not_there_is_named_with_those_that_are(stores):
    main, _ = stores
    assert branch_names(main, "p") == ["b"]
    with pytest.raises(ConfigError, match=r"p has no branch 'c' in .* Known: b"):
        promote_branch(Store(main.uri, "c"), "p")
