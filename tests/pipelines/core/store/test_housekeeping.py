"""What is thrown away, and what is not because something refers to it."""

import os
import time
from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ArtifactError
from pipelines.core.store import Ref, Store
from pipelines.core.store.housekeeping import Housekeeping, clean
from tests.pipelines.core.store.making import REF, publish

MODELS = Ref("p", "models", "as_of=2026-01-08/seed=0")
EVALUATIONS = Ref("p", "evaluations", MODELS.key)
PROMOTIONS = Ref("p", "promotions", MODELS.key)


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "store"))


def aged(store):
    for path in store.root.rglob("*"):
        os.utime(path, (1.0, 1.0))


def cleaned(store, **more):
    aged(store)
    asked = {"keep_versions": 0, "left_before_s": time.time()} | more
    return asdict(clean(store, "p", Housekeeping(**asked)))


def why(cleaned, manifest):
    """Whether a version was kept, and why."""
    name = (manifest.ref.path(), manifest.version)
    (found,) = (r for r in cleaned["reasons"] if (r["artifact"], r["version"]) == name)
    return found["kept"], found["why"]


def is_there(store, manifest):
    return (store.folder(manifest.ref) / manifest.version).is_dir()


def test_a_replaced_version_that_nothing_refers_to_goes(store):
    old, new = (publish(store, config={"n": n}) for n in (1, 2))
    assert cleaned(store)["versions"] == 1
    assert (is_there(store, old), is_there(store, new)) == (False, True)
    assert sorted(p.name for p in store.folder(REF).iterdir()) == [
        ".lock",
        new.version,
        "manifest.json",
    ]


def test_what_a_kept_version_was_made_from_stays_step_by_step(store):
    day = publish(store, config={"n": 1})
    model = publish(store, ref=MODELS, inputs={"features/ds=2026-01-01": day.content})
    publish(store, ref=EVALUATIONS, inputs={"model": model.content})
    publish(store, config={"n": 2})
    other = publish(store, ref=MODELS, config={"n": 2})
    publish(store, ref=MODELS, config={"n": 3})
    removed = cleaned(store)
    assert (removed["versions"], removed["kept"]) == (1, 2)
    assert (is_there(store, day), is_there(store, model)) == (True, True)
    assert not is_there(store, other)


def test_a_reference_by_the_hash_of_one_file_counts(store):
    day = publish(store, config={"n": 1}, text="one")
    publish(store, ref=MODELS, inputs={"features": day.files["deep/a.txt"]["sha256"]})
    publish(store, config={"n": 2}, text="two")
    assert cleaned(store)["kept"] == 1


@pytest.mark.parametrize("named", ["digest", "version"])
def test_what_something_outside_refers_to_stays(named, store):
    champion = publish(store, ref=MODELS, config={"n": 1})
    publish(store, ref=MODELS, config={"n": 2})
    removed = cleaned(store, outside={getattr(champion, named): "the champion"})
    assert (removed["versions"], removed["kept"]) == (0, 1)
    # Even where only its folder's name can still be read.
    (store.folder(MODELS) / champion.version / "manifest.json").write_text("")
    assert cleaned(store, outside={champion.digest: "the champion"})["kept"] == 1


def test_a_model_that_was_promoted_stays_even_if_the_registry_was_lost(store):
    first, second = (publish(store, ref=MODELS, config={"n": n}) for n in (1, 2))
    for model in (first, second):
        publish(store, ref=PROMOTIONS, inputs={"model": model.content})
    assert cleaned(store)["versions"] == 0
    assert is_there(store, first)


def test_a_model_whose_promotion_a_person_is_asked_about_stays(store):
    model = publish(store, ref=MODELS, config={"n": 1})
    asks = {"verdict": "BETTER"}
    asked = publish(
        store, ref=EVALUATIONS, inputs={"model": model.content}, outcome=asks, config={"n": 1}
    )
    publish(store, ref=MODELS, config={"n": 2})
    publish(
        store, ref=EVALUATIONS, inputs={"model": "m" * 64}, outcome={"verdict": "NOT_BETTER"}
    )
    cleaned(store)
    assert (is_there(store, model), is_there(store, asked)) == (True, True)


def test_what_a_stage_at_work_reads_stays(store):
    day = publish(store, config={"n": 1})
    publish(store, config={"n": 2})
    publish(store, ref=MODELS)
    with store.lock(MODELS):
        store.record_inputs(MODELS, {"features/ds=2026-01-01": day.content})
        assert cleaned(store)["kept"] == 1
    assert cleaned(store)["versions"] == 1  # it is done, and nothing records this version


def test_what_a_killed_process_left_in_staging_goes_at_once_and_checkpoints_later(store):
    publish(store)
    left = store.folder(REF) / ".staging-0123456789abcdef-7"
    left.mkdir()
    (left / "half.npy").write_bytes(b"x" * 100)
    store.scratch(REF, "e" * 16)
    asked = Housekeeping(keep_versions=0, left_before_s=time.time() - 1e5)
    removed = clean(store, "p", asked)
    assert (removed.leftovers, removed.bytes) == (1, 100)
    assert cleaned(store)["leftovers"] == 1


def test_nothing_goes_while_a_manifest_cannot_be_read(store):
    publish(store, config={"n": 1})
    publish(store, config={"n": 2})
    publish(store, ref=MODELS)
    (store.folder(MODELS) / "manifest.json").write_text("{")
    with pytest.raises(
        ArtifactError, match=r"models/.* is not a manifest.* Run toy for it again"
    ):
        cleaned(store)
    assert len(store.versions(REF)) == 2


def test_each_version_says_why_it_stays_or_goes_before_and_after(store):
    days = [publish(store, config={"n": n}) for n in range(4)]
    model = publish(store, ref=MODELS, inputs={"features": days[0].content}, text="first")
    judged = publish(store, ref=EVALUATIONS, inputs={"model": model.content})
    other = publish(store, ref=MODELS, config={"n": 2})
    publish(store, ref=EVALUATIONS, inputs={"model": other.content})
    asked = {
        "keep_versions": 1,
        "outside": {model.digest: "the champion, version 3 of p"},
    }
    wanted = [
        (days[0], True, f"made models/{MODELS.key} {model.version}"),
        (days[1], False, "replaced, and nothing refers to it"),
        (days[2], True, "among the newest 1 beside the published one"),
        (days[3], True, "published"),
        (model, True, "the champion, version 3 of p"),
        (judged, True, "judged the champion, version 3 of p"),
        (other, True, "published"),
    ]
    aged(store)
    os.utime(store.folder(REF) / days[2].version, (2.0, 2.0))
    settings = {"left_before_s": time.time()} | asked
    dry = asdict(clean(store, "p", Housekeeping(**settings, dry_run=True)))
    assert [(m, *why(dry, m)) for m, _, _ in wanted] == wanted
    assert all(is_there(store, manifest) for manifest, _, _ in wanted)
    really = asdict(clean(store, "p", Housekeeping(**settings)))
    assert really == dry
    assert [m for m, _, _ in wanted if not is_there(store, m)] == [days[1]]
    assert (really["versions"], really["kept"]) == (1, 1)


@pytest.mark.parametrize(("depth", "there"), [(None, 3), (2, 3), (1, 2), (0, 1)])
def test_what_a_version_was_made_from_stays_as_far_back_as_is_asked(depth, there, store):
    source = publish(store, config={"n": 1})
    day = publish(store, ref=MODELS, inputs={"ingested": source.content}, text="a model")
    publish(store, config={"n": 2})
    publish(store, ref=MODELS, config={"n": 2})
    model = publish(store, ref=EVALUATIONS, inputs={"model": day.content})
    cleaned(store, depth=depth)
    assert sum(is_there(store, each) for each in (source, day, model)) == there


def test_what_killed_processes_left_is_counted_and_stays_in_a_dry_run(store):
    publish(store)
    left = store.folder(REF) / ".staging-0123456789abcdef-7"
    left.mkdir()
    (left / "half.npy").write_bytes(b"x" * 100)
    unfinished = store.folder(REF) / ("e" * 16)
    unfinished.mkdir()
    (unfinished / "half.npy").write_bytes(b"x" * 10)
    dry = cleaned(store, dry_run=True)
    assert (dry["leftovers"], dry["bytes"], left.exists(), unfinished.exists()) == (
        2,
        110,
        True,
        True,
    )
    assert cleaned(store) == dry
    assert not left.exists()
    assert not unfinished.exists()


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    made_from=st.lists(st.sets(st.integers(0, 7), max_size=3), min_size=2, max_size=8),
    days=st.lists(st.integers(0, 2), min_size=8, max_size=8),
    keep=st.integers(0, 2),
)
def test_no_kept_version_ever_misses_what_it_was_made_from(
    made_from, days, keep, tmp_path_factory
):
    """Versions of three artifacts, each made from some of those before it."""
    store, made = Store(str(tmp_path_factory.mktemp("random"))), []
    for n, sources in enumerate(made_from):
        ref = Ref("p", "data", f"ds=2026-01-0{days[n] + 1}")
        inputs = {f"input {s}": made[s].content for s in sorted(sources) if s < n}
        made.append(publish(store, ref=ref, inputs=inputs, config={"n": n}, text=str(n)))
    contents = {manifest.content: manifest for manifest in made}
    cleaned(store, keep_versions=keep)
    for manifest in made:
        if is_there(store, manifest):
            assert all(
                is_there(store, contents[c]) for c in manifest.inputs.values() if c in contents
            )
    assert all(store.open(store.find(ref)) for ref in {m.ref for m in made})
