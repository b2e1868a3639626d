"""Reading SQLite without MLflow against MLflow's own client, and who meets whom."""

import pytest
from mlflow.exceptions import MlflowException

from pipelines.errors import ConfigError, TransientError
from pipelines.promotion.registry import Registry
from pipelines.registry import Registered, Version, opponent_of, read_registry, registry_uri
from pipelines.registry.client import open_client
from pipelines.registry.reading import _from_client
from pipelines.registry.state import champions_from
from pipelines.store import Store


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Three versions of one model, of which two were champion, beside another model."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('registry')}/mlflow.db"
    client = open_client(uri)
    for name in ("fraud", "other"):
        client.create_registered_model(name)
        for number in range(1, 4):
            tags = {"as_of": f"2026-01-0{number}", "digest": f"{name}-{number}", "seed": "0"}
            client.create_model_version(name, f"file:///models/{name}/{number}", tags=tags)
    for number in (1, 3):
        Registry(uri, "fraud").promote(number)
    return Registry(uri, "fraud")


def test_sqlite_reads_as_mlflows_client_does(registry):
    ours = read_registry(registry.uri, "fraud")
    assert ours == _from_client(registry.uri, "fraud")
    assert ours.champion == 3
    assert ours.champions == (1, 3)
    assert [v.digest for v in ours.versions] == ["fraud-1", "fraud-2", "fraud-3"]
    held = open_client(registry.uri).get_model_version_by_alias("fraud", "champion")
    assert int(held.version) == 3


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
        ((1, 2, 1), "d1", "2026-01-01", None),  # promoted again by hand: as the first time
    ],
)
def test_a_challenger_meets_the_same_champion_whenever_it_is_judged(
    champions, digest, as_of, opponent
):
    versions = tuple(version(n, f"2026-01-0{n}") for n in (1, 2, 3))
    registered = Registered(versions, champions[-1] if champions else None, champions)
    met = opponent_of(registered, digest, as_of)
    assert (met.number if met else None) == opponent


def test_a_version_that_somebody_else_registered_is_no_opponent():
    registered = Registered((Version(1, "s3://x", {}),), 1, (1,))
    assert opponent_of(registered, "new", "2026-01-09") is None


def test_the_alias_is_one_that_mlflow_knows(registry):
    with pytest.raises(MlflowException, match="not found"):
        open_client(registry.uri).get_model_version_by_alias("fraud", "challenger")


def test_a_server_that_does_not_answer_is_asked_again_later(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TransientError, match=r"http://127\.0\.0\.1:9 did not answer"):
        read_registry("http://127.0.0.1:9", "fraud_detection")
