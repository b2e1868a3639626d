"""Connections in Airflow: what their URIs mean, and how a stage's process is given them."""

import json

import pytest
from airflow.sdk import Connection as AirflowConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.airflow.connections import resolved
from millrace.airflow.operator import StageOperator
from pipelines.core.connections import Connection, connection_named
from pipelines.core.errors import ConfigError
from tests.pipelines.shared.tables.made import transactions
from tests.pipelines.stages.ingest.sources.sqlite_source import rows_of, write_database

KINDS = st.sampled_from(["postgres", "sqlite", "aws", "google_cloud_platform", "sftp"])
# Airflow's URI has no empty fields; it lowers the letters of a host, which may be a path.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=12)
HOSTS = st.text("abcxyz012.-/", min_size=1, max_size=12).filter(lambda host: "//" not in host)
FIELDS = st.fixed_dictionaries(
    {"conn_type": KINDS},
    optional={
        "host": HOSTS,
        "login": TEXTS,
        "password": TEXTS,
        "port": st.integers(1, 65535),
        "schema": TEXTS,
        "extra": st.dictionaries(TEXTS, TEXTS | st.integers(0, 9), min_size=1, max_size=3),
    },
)


def expected(fields):
    named = {"kind": fields["conn_type"]} | {
        n: v for n, v in fields.items() if n != "conn_type"
    }
    return Connection("shop", **named)


@settings(max_examples=50)
@given(FIELDS)
def test_a_uri_means_what_airflow_means_by_it(fields):
    extra = {"extra": json.dumps(fields["extra"])} if "extra" in fields else {}
    made = AirflowConnection(conn_id="shop", **(fields | extra))
    assert connection_named("shop", {"AIRFLOW_CONN_SHOP": made.get_uri()}) == expected(fields)


@settings(max_examples=20)
@given(FIELDS)
def test_a_resolved_connection_is_the_one_that_airflow_has(fields):
    extra = {"extra": json.dumps(fields["extra"])} if "extra" in fields else {}
    made = AirflowConnection(conn_id="shop", **(fields | extra))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_SHOP", made.get_uri())
        environ = resolved(["shop"])
    assert list(environ) == ["AIRFLOW_CONN_SHOP"]
    assert connection_named("shop", environ) == expected(fields)


def test_a_connection_that_airflow_has_not_is_named_with_how_to_add_it():
    with pytest.raises(
        ConfigError, match=r"no connection 'nope'.*airflow connections add nope"
    ):
        resolved(["nope"])


DECLARATION = """
from dataclasses import replace
from pipelines.spec import Query, load
CARDS = load("fraud_detection")
QUERY = Query("SELECT * FROM tx WHERE tx_datetime >= :start AND tx_datetime < :end", connection="cards")
PIPELINE = replace(CARDS, name="cards", tables=(replace(CARDS.table, source=QUERY),))
"""


@pytest.fixture
def ingest(tmp_path, monkeypatch):
    """The task that takes in a day of the database's card transactions."""
    (tmp_path / "cards.py").write_text(DECLARATION)
    monkeypatch.setenv("MILLRACE_PIPELINES", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "aws://key:verborgen@")
    write_database(tmp_path / "shop.db", rows_of(transactions()))
    uri = f"sqlite:///{tmp_path}/shop.db?password=geheim"
    monkeypatch.setenv("AIRFLOW_CONN_CARDS", uri)
    where = {"store": str(tmp_path / "store"), "partition": "2018-04-01"}
    # A fork server would have to be started for this test alone.
    where |= {"new_interpreter": True}
    return StageOperator(task_id="ingest", stage="ingest", pipeline="cards", **where)


def test_the_operator_gives_its_process_the_connection_in_the_environment_alone(
    ingest, tmp_path, capsys
):
    result = ingest.execute({})
    assert result["rows"] == 200
    shown = capsys.readouterr().out + repr(result)
    assert "python -m pipelines stage ingest cards" in shown
    assert "geheim" not in shown
    store = (path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert b"geheim" not in b"".join(store)


def test_the_process_gets_no_other_connection(ingest):
    assert list(ingest._connections()) == ["AIRFLOW_CONN_CARDS"]


def test_a_source_with_a_password_is_refused_where_airflow_would_show_it(ingest):
    ingest.pipeline, ingest.source = "fraud_detection", "s3://key:geheim@bucket"
    with pytest.raises(
        ConfigError, match=r"s3://key:\*\*\*@.*millrace_source_connection"
    ) as raised:
        ingest._source()
    assert "geheim" not in str(raised.value)
