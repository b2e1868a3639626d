"""Reading SQLite without MLflow against MLflow's own client, and who meets whom."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException

from pipelines.core.errors import ConfigError, TransientError
from pipelines.core.store import Store
from pipelines.shared.registry import (
    Registered,
    Version,
    has_run,
    opponent_of,
    read_registry,
    reading,
    registry_uri,
)
from pipelines.shared.registry.changes import champions_from
from pipelines.shared.registry.client import open_client
from pipelines.shared.registry.reading import _from_client
from pipelines.stages.promote.champion import Registry
from tests.pipelines.shared.registry.two_models import register_two_models


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Three versions of one model, of which two were champion, beside another model."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('registry')}/mlflow.db"
    register_two_models(uri)
    return Registry(uri, "fraud")


def test_sqlite_reads_as_mlflows_client_does(registry):
    ours = read_registry(registry.uri, "fraud")
    assert ours == _from_client(registry.uri, "fraud")
    assert ours.champion == 3
    assert ours.champions == (1, 3)
    assert [v.digest for v in ours.versions] == ["fraud-1", "fraud-2", "fraud-3"]
    held = open_client(registry.uri).get_model_version_by_alias("fraud", "champion")
    assert int(held.version) == 3


def test_a_version_that_was_deleted_is_read_no_more(registry, tmp_path):
    copy = shutil.copy(registry.uri.removeprefix("sqlite:///"), tmp_path / "mlflow.db")
    uri = f"sqlite:///{copy}"
    open_client(uri).delete_model_version("fraud", "3")
    ours = read_registry(uri, "fraud")
    assert ours == _from_client(uri, "fraud")
    assert [v.number for v in ours.versions] == [1, 2]
    assert ours.current() is None


@pytest.mark.parametrize("uri", ["file", "client"])
def test_a_run_is_found_by_its_digest_until_it_or_its_experiment_is_deleted(
    registry, tmp_path, monkeypatch, uri
):
    path = shutil.copy(registry.uri.removeprefix("sqlite:///"), tmp_path / "mlflow.db")
    if uri == "client":
        monkeypatch.setattr(reading, "sqlite_path", lambda _uri: None)
    uri = f"sqlite:///{path}"
    client = open_client(uri)
    experiment = client.create_experiment("fraud", f"file://{tmp_path}")
    run = client.create_run(experiment, tags={"digest": "fraud-1"}).info.run_id

    def found(name="fraud", digest="fraud-1"):
        return has_run(uri, name, digest)

    assert (found(), found("other"), found(digest="fraud-2")) == (True, False, False)
    client.delete_run(run)
    assert not found()
    client.restore_run(run)
    assert found()
    client.delete_experiment(experiment)
    assert not found()


@pytest.mark.parametrize("read", [read_registry, _from_client])
def test_an_unknown_model_reads_as_empty(registry, read):
    assert read(registry.uri, "unknown") == Registered()


def test_no_file_and_no_tables_read_as_empty_and_nothing_is_made(tmp_path):
    path = tmp_path / "mlflow.db"
    assert read_registry(f"sqlite:///{path}", "fraud") == Registered()
    assert not path.exists()
    path.touch()
    assert read_registry(f"sqlite:///{path}", "fraud") == Registered()


def test_the_store_holds_its_registry_unless_it_is_remote_or_another_is_asked_for(tmp_path):
    assert registry_uri(Store(f"file://{tmp_path}")) == f"sqlite:///{tmp_path}/mlflow.db"
    assert registry_uri(Store("s3://bucket/x"), "http://mlflow:5000") == "http://mlflow:5000"
    with pytest.raises(
        ConfigError, match=r"s3://bucket/x cannot hold .* --option mlflow_uri=URI"
    ):
        registry_uri(Store("s3://bucket/x"))


@pytest.mark.parametrize(
    ("tag", "champion", "champions"),
    [
        (None, None, ()),
        (None, 4, (4,)),
        ("1,4", 4, (1, 4)),
        ("1,4,5", 4, (1, 4)),  # a promotion of 5 was killed before the alias moved
        ("1,4,1", 1, (1, 4, 1)),
        ("2,3", 9, (9,)),  # somebody moved the alias by hand
        ("1,2", None, ()),
    ],
)
def test_the_alias_decides_and_the_tag_remembers(tag, champion, champions):
    assert champions_from(tag, champion) == champions


def version(number, as_of):
    return Version(number, "", {"as_of": as_of, "digest": f"d{number}"})


@pytest.mark.parametrize(
    ("champions", "digest", "as_of", "opponent"),
    [
        ((), "new", "2026-01-09", None),
        ((1,), "new", "2026-01-09", 1),
        ((1, 2), "new", "2026-01-09", 2),
        ((1, 2), "new", "2026-01-02", 2),  # another seed of the same day
        ((1, 2), "new", "2026-01-01", 1),  # a backfill never meets a later champion
        ((2,), "new", "2026-01-01", None),
        ((1, 2), "d2", "2026-01-02", 1),  # itself: what it replaced
        ((1,), "d1", "2026-01-01", None),
        ((1, 2, 3), "d2", "2026-01-02", 1),
        ((1, 2, 1), "d1", "2026-01-01", None),  # the other one is of a later day
        ((1, 2, 1), "d1", "2026-01-02", 2),  # promoted again by hand: what it replaced
        ((1, 2), "d1", "2026-01-02", 2),  # champion before, evaluated again: the current one
        ((1, 2, 3), "d1", "2026-01-02", 2),
    ],
)
def test_a_challenger_is_compared_with_the_current_champion(champions, digest, as_of, opponent):
    versions = tuple(version(n, f"2026-01-0{n}") for n in (1, 2, 3))
    registered = Registered(versions, champions[-1] if champions else None, champions)
    met = opponent_of(registered, digest, as_of)
    assert (met.number if met else None) == opponent


def test_a_champion_that_somebody_else_registered_is_the_opponent_a_former_one_is_not():
    foreign, own = Version(1, "s3://x", {}), version(2, "2026-01-02")
    assert opponent_of(Registered((foreign,), 1, (1,)), "new", "2026-01-09") == foreign
    both = Registered((foreign, own), 2, (1, 2))
    assert opponent_of(both, "new", "2026-01-09") == own
    assert opponent_of(both, "d2", "2026-01-02") is None


@given(
    days=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    turns=st.lists(st.integers(0, 3), max_size=6),
    own=st.integers(0, 3),
)
def test_the_opponent_is_the_last_other_champion_of_a_day_not_after_its_own(days, turns, own):
    versions = tuple(version(n, f"2026-01-0{day}") for n, day in enumerate(days))
    champions = tuple(turn for turn in turns if turn < len(days))
    registered = Registered(versions, champions[-1] if champions else None, champions)
    challenger = versions[own % len(days)]
    met = opponent_of(registered, challenger.digest, challenger.as_of)
    may = [n for n in champions if days[n] <= days[own % len(days)] and n != own % len(days)]
    assert (met.number if met else None) == (may[-1] if may else None)


def test_the_alias_is_one_that_mlflow_knows(registry):
    with pytest.raises(MlflowException, match="not found"):
        open_client(registry.uri).get_model_version_by_alias("fraud", "challenger")


def test_a_server_that_does_not_answer_is_asked_again_later(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TransientError, match=r"http://127\.0\.0\.1:9 did not answer"):
        read_registry("http://127.0.0.1:9", "fraud_detection")
