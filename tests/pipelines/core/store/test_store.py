import os
import shutil
import time
from dataclasses import replace

import pytest

from pipelines.core.errors import ArtifactError, ConfigError
from pipelines.core.store import Ref, Store, digest_of
from pipelines.core.store.housekeeping import Housekeeping, clean
from pipelines.core.store.why import describe_explanation, explain
from tests.pipelines.core.store.making import REF, publish


# The last stands for SFTP, HDFS and shares, which want a folder before a file.
@pytest.mark.parametrize("uri", ["{0}", "memory://{0.name}/store", "local://{0}/store"])
def test_what_is_published_is_found_and_opened(uri, tmp_path):
    store = Store(uri.format(tmp_path))
    assert store.find(REF) is None
    manifest = publish(store)
    assert store.find(REF) == manifest
    assert (store.open(manifest) / "deep" / "a.txt").read_text() == "hello"
    assert store.keys("p", "data") == [REF.key]
    assert store.find_version(REF, manifest.digest) == manifest


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_one_file_is_read_without_the_others_and_only_if_it_is_whole(kind, tmp_path):
    store = Store(str(tmp_path) if kind == "local" else f"memory://{tmp_path.name}/one")
    manifest = publish(store)
    assert store.read_file(manifest, "deep/a.txt") == b"hello"
    was = publish(Store(store.uri), text="hallo", config={"other": 1})
    damaged = replace(was, files=manifest.files)
    gone = replace(manifest, digest="0" * 64)
    for bad in (damaged, gone):
        with pytest.raises(ArtifactError, match=r"deep/a\.txt is missing or is not .* Run toy"):
            store.read_file(bad, "deep/a.txt")


def test_a_remote_version_is_downloaded_where_it_is_not_cached(tmp_path):
    store = Store(f"memory://{tmp_path.name}/remote")
    manifest = publish(store)
    shutil.rmtree(store.root)
    assert (store.open(manifest) / "deep" / "a.txt").read_text() == "hello"


def test_keys_are_the_artifacts_and_not_their_versions(tmp_path):
    store = Store(str(tmp_path))
    for ref in (REF, Ref("p", "data", "as_of=2026-01-08/seed=1")):
        publish(store, ref=ref)
        publish(store, ref=ref, config={"epochs": 3})
    assert store.keys("p", "data") == ["as_of=2026-01-08/seed=1", REF.key]
    assert store.keys("p", "nothing") == []


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest_of({"a": 1, "b": (1, 2)}) == digest_of({"b": [1, 2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 1.5})


def test_a_manifest_that_is_not_one_says_what_to_do(tmp_path):
    store = Store(str(tmp_path))
    publish(store)
    (store.folder(REF) / "manifest.json").write_text("{")
    with pytest.raises(
        ArtifactError, match=r"is not a manifest, or not as it was written .* Run toy for it"
    ):
        store.find(REF)


def test_a_manifest_that_was_copied_elsewhere_is_not_read_as_another_ones(tmp_path):
    store, other = Store(str(tmp_path)), Ref("p", "data", "ds=2026-01-02")
    publish(store)
    shutil.copytree(store.folder(REF), store.folder(other))
    with pytest.raises(
        ArtifactError, match=r"is the manifest of p/data/ds=2026-01-01, version"
    ):
        store.find(other)


@pytest.mark.parametrize("uri", ["", " ", "file://"])
def test_an_empty_address_is_not_taken_for_the_current_folder(uri):
    with pytest.raises(ConfigError, match="address is empty"):
        Store(uri)


def test_an_unknown_protocol_is_a_configuration_error():
    with pytest.raises(ConfigError, match="cannot be opened"):
        Store("nosuch://bucket").find(REF)


def test_why_names_what_made_the_digest_differ(tmp_path):
    store = Store(str(tmp_path))
    publish(store, config={"training": {"epochs": 3}})
    publish(store, config={"training": {"epochs": 5}})
    explained = explain(store, "p/data/ds=2026-01-01")
    assert [old["differs"] for old in explained["earlier"]] == [
        ["config training.epochs: 3 -> 5"]
    ]
    assert "config training.epochs: 3 -> 5" in describe_explanation(explained)


COUNT = {"aggregates": ["count"], "entity": "card", "kind": "Trailing", "spans": [1, 7]}
HOUR = {"column": "time", "kind": "Hour"}


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (
            [HOUR, COUNT],
            [HOUR, COUNT | {"spans": [1, 30]}],
            ["features Trailing spans: [1, 7] -> [1, 30]"],
        ),
        ([HOUR, COUNT], [HOUR], [f"features: no more {COUNT}"]),
        ([COUNT], [COUNT, HOUR], [f"features: new {HOUR}"]),
        ([COUNT], [HOUR], [f"features: no more {COUNT}", f"features: new {HOUR}"]),
        ([1, 2], [2, 1], ["features: in another order, [1, 2] -> [2, 1]"]),
        ([1, 2], [1, 3], ["features: [1, 2] -> [1, 3]"]),
    ],
    ids=["changed", "gone", "new", "replaced", "order", "plain"],
)
def test_why_names_the_feature_that_differs_and_how(before, after, wanted, tmp_path):
    store = Store(str(tmp_path))
    publish(store, config={"features": before})
    publish(store, config={"features": after})
    (old,) = explain(store, "p/data/ds=2026-01-01")["earlier"]
    assert old["differs"] == [f"config {text}" for text in wanted]


def test_why_takes_the_uri_that_a_result_shows(tmp_path):
    store = Store(str(tmp_path))
    manifest = publish(store)
    assert explain(store, store.uri_of(manifest))["digest"] == manifest.digest


def test_why_of_an_unknown_artifact_names_the_nearest(tmp_path):
    store = Store(str(tmp_path))
    publish(store)
    with pytest.raises(ConfigError, match=r"The nearest one is p/data/ds=2026-01-01"):
        explain(store, "p/data/ds=2026-01-02")
    with pytest.raises(ConfigError, match="does not name an artifact"):
        explain(store, "p")


def test_housekeeping_keeps_what_is_published_and_what_is_being_made(tmp_path):
    store = Store(str(tmp_path))
    for epochs in (1, 2, 3):
        manifest = publish(store, config={"epochs": epochs})
    busy = Ref("p", "data", "ds=2026-01-02")
    old = time.time() - 1e6
    with store.lock(busy), store.staging(busy, "d" * 16) as staged:
        (store.scratch(REF, "e" * 16) / "checkpoint").write_text("x")
        for path in [staged, *store.folder(REF).rglob("*")]:
            os.utime(path, (old, old))
        removed = clean(
            store, "p", Housekeeping(keep_versions=1, left_before_s=time.time() - 1e5)
        )
        assert staged.exists()
    assert (removed.versions, removed.leftovers) == (1, 1)
    assert store.open(store.find(REF)) == store.open(manifest)


def test_housekeeping_leaves_young_leftovers(tmp_path):
    store = Store(str(tmp_path))
    publish(store)
    store.scratch(REF, "e" * 16)
    removed = clean(store, "p", Housekeeping(keep_versions=1, left_before_s=time.time() - 1e5))
    assert (removed.versions, removed.leftovers, removed.bytes, removed.kept) == (0, 0, 0, 0)


@pytest.mark.parametrize("uri", ["{0}", "memory://{0.name}/why"])
@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("p/dta/ds=2026-01-01", "Did you mean 'p/data'?"),
        ("pp/data/ds=2026-01-01", "Did you mean 'p/data'?"),
        ("other/things/ds=2026-01-01", "Known: p/data."),
    ],
)
def test_why_of_an_unknown_dataset_names_the_nearest(uri, asked, wanted, tmp_path):
    store = Store(uri.format(tmp_path))
    with pytest.raises(ConfigError, match="holds no artifact: pass --store"):
        explain(store, asked)
    publish(store)
    with pytest.raises(ConfigError) as caught:
        explain(store, asked)
    assert str(caught.value).endswith(wanted)
