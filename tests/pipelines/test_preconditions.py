"""What a run will need last is asked before its first stage starts."""

import shutil

import pytest

from pipelines.errors import ConfigError, TransientError
from pipelines.preconditions import require_disk, require_store
from pipelines.store import Store
from tests.pipelines.cli.test_usage import millrace

DAY = "2026-01-05"


def run(source, store, *more):
    return millrace(
        *("run", "fraud_detection", "--source", source, "--store", store),
        *("--from", DAY, "--to", DAY, *more),
    )


@pytest.fixture
def source(tmp_path):
    """A day of a terabyte that takes no room: a file with a hole."""
    file = tmp_path / f"source/ds={DAY}/part-0.parquet"
    file.parent.mkdir(parents=True)
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)
    return tmp_path / "source"


def test_a_run_whose_days_do_not_fit_the_disk_ends_before_it_reads_one(source, tmp_path):
    ended = run(source, tmp_path / "store")
    assert ended.returncode == 4
    assert "need about 10,485,824 MiB by estimate. Free some, or choose" in ended.stderr
    assert not list((tmp_path / "store").rglob("manifest.json"))


def test_a_remote_store_without_a_registry_ends_before_the_first_stage(source):
    ended = run(source, "memory://bucket/store")
    assert ended.returncode == 2
    assert "Pass --option mlflow_uri=URI" in ended.stderr
    assert "ingest" not in ended.stderr


def test_a_store_that_cannot_be_written_is_a_mistake_of_configuration(source, tmp_path):
    (tmp_path / "file").write_text("no folder")
    ended = run(source, tmp_path / "file/store")
    assert ended.returncode == 2
    assert "cannot be written (Not a directory). Check the folder" in ended.stderr


@pytest.mark.parametrize("uri", ["nosuch://bucket/store", "file:///proc/none/store"])
def test_a_store_of_no_kind_is_refused(uri):
    with pytest.raises(ConfigError, match="cannot be written"):
        require_store(Store(uri))


def test_nothing_is_left_of_a_look(tmp_path):
    require_store(Store(str(tmp_path / "store")))
    assert list((tmp_path / "store").iterdir()) == []


def test_the_room_asked_for_is_compared_with_what_is_free(tmp_path):
    store, free = Store(str(tmp_path / "not/yet/there")), shutil.disk_usage(tmp_path).free
    require_disk(store, free // 2, "half of it")
    with pytest.raises(TransientError, match=r"MiB free, and the days need about [\d,]+ MiB"):
        require_disk(store, 2 * free, "the days")
