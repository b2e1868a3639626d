"""What a published promotion looks up in the registry, and repeats where it is missing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from pipelines.core.errors import TransientError
from pipelines.shared.registry import read_registry
from pipelines.shared.registry.client import open_client
from pipelines.stages.promote.champion import open_registry
from tests.pipelines.made_models import FRAUD, done, publish_model, publish_training_set

EARLIER, LATER = "2026-02-01", "2026-03-01"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Two models of two days, each the champion once."""
    root = tmp_path_factory.mktemp("store")
    for as_of, seed in ((EARLIER, 8), (LATER, 3)):
        publish_training_set(root, as_of=as_of, seed=seed)
        publish_model(root, as_of=as_of)
        done("evaluate", root, as_of=as_of)
        assert done("promote", root, as_of=as_of)["fate"] == "promoted"
    return root


@pytest.fixture
def promoted(prepared, tmp_path):
    return shutil.copytree(prepared, tmp_path / "store")


@pytest.fixture
def registry(promoted):
    return open_registry(str(promoted), FRAUD.name)


def facts(registry):
    return [(v["version"], v["champion"], v["as_of"]) for v in registry.versions()]


def test_what_is_still_there_is_not_done_again(promoted, registry):
    before = (promoted / "mlflow.db").read_bytes()
    assert done("promote", promoted)["cached"]
    assert (promoted / "mlflow.db").read_bytes() == before


def test_a_registry_that_was_deleted_is_made_again_by_promote(promoted, registry):
    (promoted / "mlflow.db").unlink()
    for as_of in (EARLIER, LATER):
        result = done("promote", promoted, as_of=as_of)
        assert (result["cached"], result["fate"]) == (False, "promoted")
    assert facts(registry) == [(2, True, LATER), (1, False, EARLIER)]
    assert registry.read().champions == (1, 2)
    assert done("promote", promoted)["cached"]


def delete_version(client):
    client.delete_registered_model_alias(FRAUD.name, "champion")
    client.delete_model_version(FRAUD.name, "2")


def delete_alias(client):
    client.delete_registered_model_alias(FRAUD.name, "champion")


def delete_tag(client):
    client.delete_model_version_tag(FRAUD.name, "2", "content")


def overwrite_tag(client):
    client.set_model_version_tag(FRAUD.name, "2", "as_of", "2026-01-01")


def delete_fate(client):
    client.delete_model_version_tag(FRAUD.name, "1", "fate")


def delete_run(client):
    client.delete_run(client.get_model_version(FRAUD.name, "2").run_id)


def delete_model(client):
    client.delete_registered_model(FRAUD.name)


@pytest.mark.parametrize(
    "damage",
    [
        delete_version,
        delete_alias,
        delete_tag,
        overwrite_tag,
        delete_fate,
        delete_run,
        delete_model,
    ],
)
def test_any_part_that_is_gone_is_made_again(promoted, registry, damage):
    client = open_client(registry.uri)
    damage(client)
    result = done("promote", promoted)
    assert (result["cached"], result["fate"]) == (False, "promoted")
    version = client.get_model_version_by_alias(FRAUD.name, "champion")
    assert (version.tags["as_of"], int(version.version)) == (LATER, result["champion"])
    experiment = client.get_experiment_by_name(FRAUD.name).experiment_id
    query = f"tags.digest = '{version.tags['digest']}'"
    (run,) = client.search_runs([experiment], query)
    assert "auc" in run.data.metrics
    assert done("promote", promoted)["cached"]


def test_a_promotion_rolled_back_since_is_not_reported_as_promoted(promoted, registry):
    registry.rollback()
    result = done("promote", promoted)
    assert (result["cached"], result["fate"], result["champion"]) == (False, "refused", 1)
    assert "it was rolled back; promote it by hand" in result["reason"]
    assert done("promote", promoted)["cached"]
    registry.promote(2)
    assert done("promote", promoted)["fate"] == "promoted"


@pytest.fixture
def server(tmp_path):
    """An MLflow server that stores uploaded files in a folder of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "server").mkdir()
    argv = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    argv += ["--backend-store-uri", f"sqlite:///{tmp_path}/server/mlflow.db", "--workers", "1"]
    argv += ["--artifacts-destination", f"{tmp_path}/server/files"]
    with (tmp_path / "server/log").open("wb") as log:
        running = subprocess.Popen(
            argv, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True
        )
    deadline, uri = time.monotonic() + 300, f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                read_registry(uri, FRAUD.name)
                break
            except TransientError:
                assert running.poll() is None, (tmp_path / "server/log").read_text()
                assert time.monotonic() < deadline
        yield uri, tmp_path / "server/files"
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@pytest.mark.slow
def test_files_that_a_server_was_given_are_given_again_where_it_lost_them(
    promoted, server, monkeypatch
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri, files = server
    options = {"mlflow_uri": uri}
    done("evaluate", promoted, options=options)
    assert done("promote", promoted, options=options)["fate"] == "promoted"
    (kept,) = files.rglob("mlflow_model")
    assert done("promote", promoted, options=options)["cached"]
    shutil.rmtree(kept)
    result = done("promote", promoted, options=options)
    assert (result["cached"], result["fate"]) == (False, "promoted")
    assert (kept / "MLmodel").exists()
    assert done("promote", promoted, options=options)["cached"]


def test_a_server_that_does_not_answer_is_not_taken_for_an_empty_one(promoted, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    done("evaluate", promoted)
    with pytest.raises(TransientError, match="did not answer"):
        done("promote", promoted, options={"mlflow_uri": "http://127.0.0.1:9"})
