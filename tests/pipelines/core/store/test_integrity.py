"""Hashes are computed once, and again when the file system says that a file changed."""

import json
import os
import time

import pytest

from pipelines.core.store import Store
from pipelines.core.store.integrity import SETTLED_NS, damage_of
from tests.pipelines.core.store.making import REF, publish


@pytest.fixture
def settled(tmp_path):
    """A version whose file is old enough to be remembered, and what is remembered of it."""
    store = Store(str(tmp_path))
    manifest = publish(store)
    time.sleep(2 * SETTLED_NS / 1e9)
    folder = store.open(manifest)
    return store, manifest, folder, folder.with_name(f".verified-{folder.name}")


def test_a_file_that_was_hashed_is_not_read_again(settled):
    store, manifest, folder, record = settled
    known = json.loads(record.read_text())
    assert known["deep/a.txt"][1] == manifest.files["deep/a.txt"]["sha256"]
    # A wrong hash that is remembered is believed: so the file is not read.
    record.write_text(json.dumps({"deep/a.txt": [known["deep/a.txt"][0], "0" * 64]}))
    assert "deep/a.txt" in damage_of(folder, manifest)
    assert damage_of(folder, manifest, afresh=True) == {}
    assert store.open(manifest) == folder


def test_a_change_that_keeps_size_and_time_of_modification_is_seen(settled):
    _, manifest, folder, _ = settled
    path = folder / "deep" / "a.txt"
    before = path.stat()
    path.write_text("hallo")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "holds other bytes" in damage_of(folder, manifest)["deep/a.txt"]


def test_a_file_that_was_just_written_is_hashed_at_its_next_use(tmp_path):
    store = Store(str(tmp_path))
    manifest = publish(store)
    path = store.folder(REF) / manifest.version / "deep" / "a.txt"
    for text in ("hallo", "hello", "hullo"):  # within one step of the file system's clock
        path.write_text(text)
        assert bool(damage_of(path.parents[1], manifest)) == (text != "hello")


@pytest.mark.parametrize(
    "remembered", ["", "[]", "{", '{"deep/a.txt": 3}', '{"deep/a.txt": [[1], "x"]}']
)
def test_a_damaged_record_only_costs_a_hash(remembered, settled):
    store, manifest, folder, record = settled
    record.write_text(remembered)
    assert store.open(manifest) == folder
