"""Branches in a store: what housekeeping keeps for them, verification, remote stores."""

import os
import time
from dataclasses import asdict

import pytest

from pipelines.core.errors import ArtifactError, ConfigError, TransientError
from pipelines.core.store import Ref, Store
from pipelines.core.store.branches import begin, branch_names, drop, require_there
from pipelines.core.store.housekeeping import Housekeeping, clean
from pipelines.core.store.verify import verify
from tests.pipelines.core.store.making import REF, publish

MODELS = Ref("p", "models", "as_of=2026-01-08/seed=0")
EVALUATIONS = Ref("p", "evaluations", MODELS.key)
PROMOTIONS = Ref("p", "promotions", MODELS.key)


@pytest.fixture
def main(tmp_path):
    return Store(str(tmp_path / "store"))


def branch_of(main, name="b"):
    branch = Store(main.uri, name)
    begin(branch, "p")
    return branch


def cleaned(main, **more):
    for path in main.root.rglob("*"):
        os.utime(path, (1.0, 1.0))
    asked = {"keep_versions": 0, "left_before_s": time.time()} | more
    return asdict(clean(main, "p", Housekeeping(**asked)))


def is_there(store, manifest):
    return store.version_folder(manifest.ref, manifest.digest).is_dir()


def test_what_a_branch_points_at_is_kept_with_what_it_was_made_from(main):
    day = publish(main, config={"n": 1})
    branch = branch_of(main)
    model = publish(branch, ref=MODELS, inputs={"features": day.content})
    publish(main, config={"n": 2})
    assert cleaned(main)["versions"] == 0
    assert [is_there(main, each) for each in (day, model)] == [True, True]
    assert main.find(MODELS) is None


def test_the_versions_of_a_dropped_branch_go_and_mains_stay(main):
    kept = publish(main, ref=MODELS, config={"n": 1})
    old = publish(main, ref=MODELS, config={"n": 0})
    main.point(kept)
    branch, other = branch_of(main), branch_of(main, "other")
    shared = publish(branch, ref=EVALUATIONS, outcome={"verdict": "BETTER"})
    publish(other, ref=EVALUATIONS, outcome={"verdict": "BETTER"})
    alone = [
        publish(branch, ref=MODELS, config={"n": 2}),
        publish(branch, ref=REF, config={"n": 2}),
        publish(branch, ref=PROMOTIONS, config={"branch": "b"}),
        publish(branch, ref=EVALUATIONS, outcome={"verdict": "BETTER"}, config={"n": 3}),
    ]
    assert cleaned(main, keep_versions=1)["versions"] == 0
    assert drop(branch, "p") == 4
    # Nobody waits for it, its registered model is gone, and it is none of main's newest.
    assert cleaned(main, keep_versions=1)["versions"] == 4
    assert not any(is_there(main, each) for each in alone)
    assert all(is_there(main, each) for each in (kept, old, shared))
    assert branch_names(main, "p") == ["other"]


def test_what_main_came_to_is_mains_when_the_branch_is_dropped(main):
    publish(main, config={"n": 1})
    branch = branch_of(main)
    made = publish(branch, config={"n": 2})
    main.point(main.find_whole(REF, made.digest))
    assert "branch" not in main.find(REF).made
    assert main.own_manifest(REF, made.digest) == main.find(REF)
    drop(branch, "p")
    cleaned(main)
    assert main.find_intact(REF) == main.find(REF)


def test_leftovers_of_branches_are_swept_and_running_work_keeps_what_it_reads(main):
    day = publish(main, config={"n": 1})
    publish(main, config={"n": 2})
    branch = branch_of(main)
    left = branch.workplace(MODELS) / ".staging-0000-1"
    half_dropped = main.root / "p" / ".branches" / ".dropped-x-1"
    for folder in (left, half_dropped):
        folder.mkdir(parents=True)
    with branch.lock(MODELS):
        branch.record_inputs(MODELS, {"features": day.content})
        assert cleaned(main)["versions"] == 0
        assert (left.exists(), half_dropped.exists()) == (True, False)
    assert cleaned(main)["versions"] == 1
    assert not left.exists()


def test_a_branch_on_which_a_stage_works_is_not_dropped(main):
    branch = branch_of(main)
    publish(branch, config={"n": 2})
    with (
        branch.lock(REF),
        pytest.raises(TransientError, match=r"data/ds=2026-01-01 of branch b"),
    ):
        drop(branch, "p")
    assert branch_names(main, "p") == ["b"]


def test_verification_reads_versions_of_branches_and_misses_none_that_is_gone(main):
    branch = branch_of(main)
    made = publish(branch, config={"n": 2})
    assert not verify(main).damaged
    (main.version_folder(REF, made.digest) / "manifest.json").unlink()
    damaged = verify(main).damaged
    assert "--branch b" in str(damaged)
    with pytest.raises(
        ArtifactError, match=r"branch b reads version .* Run (toy|the stage that)"
    ):
        branch.find(REF)
    publish(branch, config={"n": 2})
    assert branch.find(REF).config == {"n": 2}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"digest": "x"}'])
def test_a_damaged_pointer_is_an_error_until_its_stage_runs_again(text, main):
    publish(main, config={"n": 1})
    branch = branch_of(main)
    publish(branch, config={"n": 2})
    (branch.workplace(REF) / "pointer.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"pointer.json is not a branch's pointer"):
        branch.find(REF)
    assert main.find(REF).config == {"n": 1}
    publish(branch, config={"n": 2})
    assert branch.find(REF).config == {"n": 2}


def test_a_store_on_another_machine_has_branches_too(tmp_path):
    import uuid

    uri = f"memory://{uuid.uuid4().hex}"
    main, branch = Store(uri), Store(uri, "b")
    old = publish(main, config={"n": 1}, text="old")
    with pytest.raises(ConfigError, match="p has no branches yet"):
        require_there(branch, "p")
    begin(branch, "p")
    assert branch.find(REF) == old
    publish(branch, config={"n": 2}, text="new")
    texts = [(s.open(s.find(REF)) / "deep" / "a.txt").read_text() for s in (main, branch)]
    assert texts == ["old", "new"]
    assert (branch_names(main, "p"), branch.keys("p", "data")) == (["b"], [REF.key])
    assert not verify(main).damaged
    assert drop(branch, "p") == 1
    assert branch_names(main, "p") == []
    assert branch.find(REF) == old
