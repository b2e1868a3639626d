"""Work on branches through the protocol: beside main, without a copy, and without a trace in main."""

import dataclasses
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.core.store import Store
from pipelines.core.store.branches import branch_names, drop
from pipelines.core.store.why import explain
from pipelines.protocol import Stage, perform, ref_of
from tests.pipelines.protocol.conftest import TOY

NEXT = Stage(
    record="tests.pipelines.protocol.toy_next.record",
    dataset="summed",
    scope="partition",
    needs=("doubled",),
    does="Adds.",
)
STAGES = (TOY, NEXT)
BRANCHES = ("main", "a", "b")
DAYS = ("2026-01-01", "2026-01-02")


def work_on(make, root, branch, day, number, rows):
    work = make(day=day, store=f"{root}?branch={branch}", number=number)
    training = dataclasses.replace(work.pipeline.training, global_batch_rows=rows)
    return dataclasses.replace(
        work, pipeline=dataclasses.replace(work.pipeline, training=training)
    )


def published(root):
    """What main publishes: of each artifact its digest, content and the bytes of its lasting files."""
    found = {}
    for stage in STAGES:
        store = Store(str(root))
        for key in store.keys("fraud_detection", stage.dataset):
            manifest = store.find(ref_of(stage, _any_work(store, key)))
            folder = store.open(manifest)
            files = {name: (folder / name).read_bytes() for name in manifest.files}
            made = sorted(manifest.made)
            found[manifest.ref] = (manifest.digest, manifest.content, files, made)
    return found


def _any_work(store, key):
    from pipelines.core.events import Reporter
    from pipelines.protocol import Work
    from pipelines.spec import load

    return Work(
        pipeline=load("fraud_detection"),
        store=store,
        report=Reporter("toy"),
        partition=key.removeprefix("ds="),
        history_from="2026-01-01",
    )


STEP = st.tuples(
    st.sampled_from(BRANCHES), st.sampled_from(DAYS), st.integers(1, 2), st.integers(10, 11)
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, min_size=2, max_size=7))
def test_main_is_as_in_a_world_without_branches_and_no_result_is_stored_twice(
    toy_work_of, steps
):
    root = Path(tempfile.mkdtemp())
    try:
        make, expected = toy_work_of(root), {}
        for branch, day, number, rows in steps:
            for stage in STAGES:
                work = work_on(make, root / "s", branch, day, number, rows)
                done = perform(stage, work)
                expected[branch, ref_of(stage, work)] = done["digest"]
                if branch == "main":
                    perform(stage, work_on(make, root / "alone", "main", day, number, rows))
        assert published(root / "s") == published(root / "alone")
        on_main = {ref: facts[0] for ref, facts in published(root / "s").items()}
        for (branch, ref), digest in expected.items():
            now = Store(str(root / "s"), branch).find(ref)
            # A branch has of its own what was not main's when it was made, and reads main's else.
            assert now.digest in (digest, on_main.get(ref))
            if Store(str(root / "s"), branch).branch_pointer(ref) is not None:
                assert now.digest == digest
            assert Store(str(root / "s")).find_whole(ref, digest) is not None
        assert not list((root / "s").glob("fraud_detection/.branches/**/*.txt"))
    finally:
        shutil.rmtree(root)


def numbers(root, branch):
    store = Store(str(root), branch)
    manifests = [store.find(ref_of(s, _any_work(store, f"ds={DAYS[0]}"))) for s in STAGES]
    texts = [next(store.open(m).glob("[ns]um*.txt")).read_text() for m in manifests]
    return [int(text) for text in texts]


def test_what_a_branch_changes_is_its_own_and_the_rest_is_mains(toy_work_of, toy_log, tmp_path):
    root, make = tmp_path / "s", toy_work_of(tmp_path)

    def run(branch, number, rows):
        work = work_on(make, root, branch, DAYS[0], number, rows)
        return [perform(stage, work) for stage in STAGES]

    run("main", 1, 10)
    shared, changed = run("a", 1, 20)
    assert (shared["cached"], changed["cached"], changed["branch"]) == (True, False, "a")
    run("b", 3, 10)
    assert [numbers(root, each) for each in BRANCHES] == [[2, 12], [2, 22], [6, 16]]
    # Production moves on: a branch keeps what it has of its own, and reads what it has not.
    run("main", 5, 10)
    assert [numbers(root, each) for each in BRANCHES] == [[10, 20], [10, 22], [6, 16]]
    # One that comes to another's settings finds the other's version, main too.
    before = len(toy_log.read_text().splitlines())
    assert [each["cached"] for each in (*run("a", 3, 10), *run("main", 3, 10))] == [True] * 4
    assert len(toy_log.read_text().splitlines()) == before
    assert numbers(root, "main") == [6, 16]


def test_why_on_main_names_no_version_of_a_branch_until_main_comes_to_it(toy_work_of, tmp_path):
    root, make = tmp_path / "s", toy_work_of(tmp_path)
    perform(TOY, work_on(make, root, "main", DAYS[0], 1, 10))
    perform(TOY, work_on(make, root, "a", DAYS[0], 2, 10))
    name = f"fraud_detection/doubled/ds={DAYS[0]}"
    assert explain(Store(str(root)), name)["earlier"] == []
    [mains] = explain(Store(str(root), "a"), name)["earlier"]
    assert mains["differs"] == ["inputs number: 1 -> 2"]
    perform(TOY, work_on(make, root, "main", DAYS[0], 2, 10))
    assert len(explain(Store(str(root)), name)["earlier"]) == 1
    assert "branch" not in explain(Store(str(root)), name)["made"]
    with pytest.raises(ConfigError, match=r"has no branch 'c' in .*Known: a"):
        explain(Store(str(root), "c"), name)


def test_main_and_a_branch_that_do_the_same_work_at_once_store_it_once(toy_work_of, tmp_path):
    root, make = tmp_path / "s", toy_work_of(tmp_path)
    works = [work_on(make, root, branch, DAYS[0], 4, 10) for branch in BRANCHES]
    threads = [threading.Thread(target=perform, args=(TOY, work)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ref = ref_of(TOY, works[0])
    found = {Store(str(root), branch).find(ref).digest for branch in BRANCHES}
    assert len(found) == 1
    assert [p.name for p in Store(str(root)).folder(ref).glob("*/number.txt")] == ["number.txt"]
    assert "branch" not in Store(str(root)).find(ref).made


def test_a_branch_begins_with_its_first_work_and_ends_when_it_is_dropped(toy_work_of, tmp_path):
    root, make = tmp_path / "s", toy_work_of(tmp_path)
    perform(TOY, work_on(make, root, "main", DAYS[0], 1, 10))
    perform(TOY, work_on(make, root, "same", DAYS[0], 1, 10))
    perform(TOY, work_on(make, root, "other", DAYS[0], 2, 10))
    store = Store(str(root))
    assert branch_names(store, "fraud_detection") == ["other", "same"]
    assert drop(Store(str(root), "same"), "fraud_detection") == 0
    assert drop(Store(str(root), "other"), "fraud_detection") == 1
    assert branch_names(store, "fraud_detection") == []
    assert published(root)[ref_of(TOY, _any_work(store, f"ds={DAYS[0]}"))]
