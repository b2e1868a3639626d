"""A real file system without room: nothing is left in staging, and the next try ends whole."""

import shutil
import subprocess

import pytest

from pipelines.core.store import Store
from pipelines.core.store.verify import verify
from tests.pipelines.core.store.making import REF, publish

PAGE = 4096


@pytest.fixture
def small_disk(tmp_path):
    """Sixteen pages of memory as a file system."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={16 * PAGE}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs needs rights that this process does not have")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def leftovers(store):
    return [str(p) for p in store.root.rglob(".staging-*")]


@pytest.mark.parametrize("free_pages", range(7))
def test_nothing_is_left_in_staging_wherever_the_disk_fills_up(free_pages, small_disk):
    store, filler = Store(str(small_disk / "store")), small_disk / "filler"
    first = publish(store, config={"try": 1})
    free = shutil.disk_usage(small_disk).free
    filler.write_bytes(b"x" * (free - free_pages * PAGE))
    try:
        publish(store, config={"try": 2}, text="y" * PAGE)
        assert free_pages >= 3  # the file, its manifest, and the one that points at it
    except OSError as error:
        assert "No space left on device" in str(error)  # noqa: PT017
        assert store.find(REF) == first
    assert leftovers(store) == []
    filler.unlink()
    second = publish(store, config={"try": 2}, text="y" * PAGE)
    assert store.find(REF) == second
    assert verify(store).damaged == []
