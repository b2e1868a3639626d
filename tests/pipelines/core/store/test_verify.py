"""A whole store read back: what is found, what is mended, what a script gets."""

import json

import pytest

from pipelines.core.errors import ConfigError
from pipelines.core.store import Ref, Store
from pipelines.core.store.verified_store import describe_verification
from pipelines.core.store.verify import verify
from tests.pipelines.cli.test_usage import millrace
from tests.pipelines.core.store.making import REF, publish

OTHER = Ref("q", "models", "as_of=2026-01-08/seed=1")


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path))
    for config in ({"n": 1}, {"n": 2}):
        publish(store, config=config)
    publish(store, ref=OTHER)
    return store


def file_of(store, ref=REF):
    manifest = store.find(ref)
    return store.folder(ref) / manifest.version / "deep" / "a.txt"


def named(entries):
    return [(e["artifact"], sorted(e["files"]), e["published"]) for e in entries]


def test_a_whole_store_is_read_and_nothing_is_found(store):
    found = verify(store)
    assert (found.artifacts, found.versions, found.files, found.bytes) == (2, 3, 3, 15)
    assert (found.damaged, found.repaired, found.busy) == ([], [], [])
    assert verify(store, "q").artifacts == 1


def test_each_damaged_version_is_named_with_its_remedy(store):
    file_of(store).write_text("hallo")
    old = next(m for m in store.versions(REF) if m.config == {"n": 1})
    (store.folder(REF) / old.version / "deep" / "a.txt").unlink()
    found = verify(store, repair=True)
    assert sorted(named(found.damaged)) == [
        (REF.path(), ["deep/a.txt"], False),
        (REF.path(), ["deep/a.txt"], True),
    ]
    text = describe_verification(found)
    assert "deep/a.txt holds other bytes" in text
    assert "deep/a.txt is missing" in text
    assert "Run toy for it again." in text


def test_manifests_are_mended_from_one_another(store):
    manifest = store.find(REF)
    (store.folder(REF) / manifest.version / "manifest.json").write_text("")
    (store.folder(OTHER) / "manifest.json").unlink()
    assert len(verify(store).damaged) == 2
    assert len(verify(store, repair=True).repaired) == 2
    assert verify(store).damaged == []
    assert store.find(OTHER).ref == OTHER


def test_which_of_two_versions_was_published_is_not_guessed(store):
    (store.folder(REF) / "manifest.json").unlink()
    found = verify(store, repair=True)
    assert named(found.damaged) == [(REF.path(), ["manifest.json"], True)]
    assert store.find(REF) is None


def test_an_artifact_that_is_being_made_is_left_out(store):
    file_of(store).write_text("half")
    with store.lock(REF):
        found = verify(store)
    assert (found.damaged, found.busy) == ([], [REF.path()])


def test_what_a_failed_stage_never_published_is_no_damage(store):
    unmade = Ref("q", "models", "as_of=2026-01-09/seed=1")
    with store.lock(unmade):
        pass
    found = verify(store)
    assert (found.damaged, found.artifacts) == ([], 2)
    (store.folder(unmade) / "manifest.json").write_text("")
    assert named(verify(store).damaged) == [(unmade.path(), ["manifest.json"], True)]


def test_files_whose_hashes_were_never_kept_are_counted(store):
    manifest = store.find(REF)
    (store.folder(REF) / manifest.version / "old.log").write_text("x")
    assert verify(store).unrecorded == 1


def test_a_store_without_artifacts_is_a_mistake(tmp_path):
    with pytest.raises(ConfigError, match="holds no artifact of nothing"):
        verify(Store(str(tmp_path)), "nothing")


def test_the_command_reports_to_a_script_by_its_code_and_json(store):
    file_of(store).write_text("hallo")
    ended = millrace("verify", "p", "--store", store.uri, "--json")
    assert ended.returncode == 3, ended.stderr
    (entry,) = json.loads(ended.stdout)["damaged"]
    assert (entry["artifact"], entry["stage"]) == (REF.path(), "toy")
    ended = millrace("doctor", "--store", store.uri, "--json")
    assert ended.returncode == 3
    assert "1 damaged" in json.loads(ended.stdout)["store"]
