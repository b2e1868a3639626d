"""What a run will need last is asked before its first stage starts."""

import dataclasses
import shutil

import pytest

from pipelines.core.errors import ConfigError, TransientError
from pipelines.core.store import Store
from pipelines.drivers.preconditions import require_days, require_disk, require_store
from tests.pipelines.cli.test_usage import millrace
from tests.pipelines.core.store.making import publish
from tests.pipelines.made_models import work_on

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


@pytest.mark.parametrize(
    ("option", "reported"),
    [
        ("track=true", "neither among 2026-01-05 to 2026-01-05 nor in "),
        ("tuned=2026-01-05", "no published search as of 2026-01-05. Run tune"),
        ("tuned=today", "is not a calendar day"),
        ("workers=all", "workers must be an integer"),
        ("time_limit_s=soon", "must be seconds"),
    ],
)
def test_what_only_a_later_stage_would_miss_is_reported_before_the_first(
    option, reported, tmp_path
):
    ended = run(tmp_path, tmp_path / "store", "--option", option)
    assert ended.returncode in {2, 3}
    assert reported in ended.stderr
    assert "ingest" not in ended.stderr
    assert not list(tmp_path.rglob("manifest.json"))


def test_days_that_the_store_has_or_that_were_refused_are_not_missed(tmp_path):
    work = dataclasses.replace(work_on("validate_window", tmp_path)[1], as_of="2026-01-12")
    days = work.days().all()
    require_days(work, days[0], days[-1])
    with pytest.raises(ConfigError, match=f"1 is neither among .*: {days[0]}"):
        require_days(work, days[1], days[-1])
    publish(
        work.store,
        ref=work.partition_ref("ingested", days[0]),
        outcome={"verdict": "refused", "reason": "empty"},
    )
    publish(work.store, ref=work.partition_ref("features", days[-1]))
    require_days(work, days[1], days[-2])


def test_a_store_that_cannot_be_written_is_a_mistake_of_configuration(source, tmp_path):
    (tmp_path / "file").write_text("no folder")
    ended = run(source, tmp_path / "file/store")
    assert ended.returncode == 2
    assert "cannot be written (Not a directory). Check the folder" in ended.stderr


@pytest.mark.parametrize("uri", ["nosuch://bucket/store", "file:///proc/none/store"])
def test_a_store_of_no_kind_is_refused(uri):
    with pytest.raises(ConfigError, match="cannot be written"):
        require_store(Store(uri))


@pytest.mark.parametrize("uri", ["{}", "local://{}"])
def test_nothing_is_left_of_a_look(uri, tmp_path):
    require_store(Store(uri.format(tmp_path / "store")))
    assert list((tmp_path / "store").iterdir()) == []


def test_the_room_asked_for_is_compared_with_what_is_free(tmp_path):
    store, free = Store(str(tmp_path / "not/yet/there")), shutil.disk_usage(tmp_path).free
    require_disk(store, free // 2, "half of it")
    with pytest.raises(TransientError, match=r"MiB free, and the days need about [\d,]+ MiB"):
        require_disk(store, 2 * free, "the days")
