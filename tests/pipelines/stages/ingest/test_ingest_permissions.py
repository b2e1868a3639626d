"""Source files that this user may not read: the day is refused until it may."""

import errno
import json
import os

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pipelines.core.errors import SourceNotReadyError, SourceUnreadableError
from pipelines.stages.ingest.stage import plan, run
from tests.pipelines.shared.tables.made import (
    done,
    published,
    transactions,
    work_on,
    write_source,
)


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch):
    monkeypatch.setattr("pipelines.stages.ingest.damage.SECOND_CHECK_S", 0.001)


@pytest.fixture
def source(tmp_path):
    return tmp_path / "source"


@pytest.fixture
def permission(source, monkeypatch):
    """Files in memory, and a switch for the permission to read them."""
    write_source(source, transactions())
    fsspec.filesystem("memory").put(str(source), "/guarded", recursive=True)
    opened = MemoryFileSystem._open

    def denied(files, path, mode="rb", **given):
        if "r" in mode:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return opened(files, path, mode, **given)

    def switch(*, granted):
        monkeypatch.setattr(MemoryFileSystem, "_open", opened if granted else denied)

    return switch


def refused_until_granted(store, source, guard, grant):
    guard()
    message = "refused. Source file .*part-0.parquet may not be read .* Grant it"
    for _ in range(2):
        with pytest.raises(SourceUnreadableError, match=message):
            done("ingest", store, source)
    reported = json.loads((published(store, "ingested") / "refusal.json").read_text())
    assert reported["files"][0]["sha256"] is None
    grant()
    assert done("ingest", store, source)["rows"] == 200


def test_a_file_that_may_not_be_read_refuses_the_day_until_it_may(tmp_path, permission):
    refused_until_granted(
        tmp_path / "store",
        "memory://guarded",
        lambda: permission(granted=False),
        lambda: permission(granted=True),
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every local file")
def test_a_local_file_that_may_not_be_read_refuses_the_day_until_it_may(tmp_path, source):
    path = write_source(source, transactions())
    refused_until_granted(
        tmp_path / "store", source, lambda: path.chmod(0), lambda: path.chmod(0o644)
    )


def test_permission_that_is_taken_or_granted_while_it_is_read_is_another_try(
    tmp_path, permission
):
    work = work_on("ingest", tmp_path, "memory://guarded")
    for granted in (True, False):
        permission(granted=granted)
        planned = plan(work)
        permission(granted=not granted)
        with pytest.raises(SourceNotReadyError, match="changed while it was read"):
            run(work, planned, tmp_path)
