"""Credentials of sources: what a connection gives to a file system, and who is given a connection."""

import base64
import http.server
import threading
from dataclasses import replace
from functools import partial

import pytest

from pipelines.core.connections import Connection
from pipelines.core.errors import ConfigError
from pipelines.process.source_access import SOURCE_VARIABLE, source_access
from pipelines.protocol import perform, stage_named
from pipelines.shared.databases.database_url import url_of_connection
from pipelines.spec import LakeTable, Query, Source, load
from pipelines.stages.ingest.sources import remote_root
from pipelines.stages.ingest.sources.connections import connection_ids, needs_source
from pipelines.stages.ingest.sources.storage_options import file_system_options, lake_options
from tests.pipelines.shared.tables.made import done, transactions, work_on, write_source

LOGIN = Connection("c", "any", host="h", login="me", password="pw", port=22)
AZURE = Connection(
    "c", "wasb", host="https://acc.blob.core.windows.net", login="me", password="pw"
)
TENANT = replace(AZURE, extra={"tenant_id": "t"})
BASIC = f"Basic {base64.b64encode(b'me:pw').decode()}"


def extra(**fields):
    return Connection("c", "any", extra=fields)


@pytest.mark.parametrize(
    ("protocol", "connection", "options"),
    [
        ("s3", None, {}),
        ("s3", Connection("c", "aws"), {}),
        ("s3", LOGIN, {"key": "me", "secret": "pw"}),
        (
            "s3a",
            extra(aws_session_token="t", region_name="eu"),
            {"token": "t", "client_kwargs": {"region_name": "eu"}},
        ),
        ("s3", extra(endpoint_url="http://minio:9000"), {"endpoint_url": "http://minio:9000"}),
        ("s3", Connection("c", "aws", host="http://minio"), {"endpoint_url": "http://minio"}),
        ("s3", extra(profile_name="p", anon=True), {"profile": "p", "anon": True}),
        ("gs", extra(key_path="/k.json", project="p"), {"token": "/k.json", "project": "p"}),
        ("gcs", extra(keyfile_dict='{"a": 1}'), {"token": {"a": 1}}),
        ("gs", extra(extra__google_cloud_platform__keyfile_dict={"a": 1}), {"token": {"a": 1}}),
        ("abfs", replace(LOGIN, host=""), {"account_name": "me", "account_key": "pw"}),
        (
            "abfss",
            TENANT,
            {"account_name": "acc", "tenant_id": "t", "client_id": "me", "client_secret": "pw"},
        ),
        (
            "az",
            extra(connection_string="x", account_name="a"),
            {"connection_string": "x", "account_name": "a"},
        ),
        ("sftp", LOGIN, {"username": "me", "password": "pw", "port": 22}),
        (
            "ssh",
            extra(key_file="/id", private_key_passphrase="x"),
            {"key_filename": "/id", "passphrase": "x"},
        ),
        ("ftp", LOGIN, {"username": "me", "password": "pw", "port": 22}),
        ("hdfs", LOGIN, {"user": "me", "port": 22}),
        ("https", LOGIN, {"client_kwargs": {"headers": {"Authorization": BASIC}}}),
        ("http", extra(headers={"X": "1"}), {"client_kwargs": {"headers": {"X": "1"}}}),
        ("memory", LOGIN, {}),
        ("oci", extra(storage_options={"config": "x"}), {"config": "x"}),
        (
            "s3",
            replace(LOGIN, extra={"storage_options": '{"key": "k"}'}),
            {"key": "k", "secret": "pw"},
        ),
    ],
)
def test_what_a_connection_gives_to_a_file_system(protocol, connection, options):
    assert file_system_options(protocol, connection) == options


@pytest.mark.parametrize(
    ("protocol", "connection", "options"),
    [
        ("s3", None, {}),
        ("s3", LOGIN, {"aws_access_key_id": "me", "aws_secret_access_key": "pw"}),
        (
            "s3",
            extra(endpoint_url="http://minio:9000", region_name="eu"),
            {
                "aws_endpoint_url": "http://minio:9000",
                "aws_allow_http": "true",
                "aws_region": "eu",
            },
        ),
        ("gs", extra(keyfile_dict={"a": 1}), {"google_service_account_key": '{"a": 1}'}),
        ("gs", extra(key_path="/k"), {"google_service_account_path": "/k"}),
        (
            "abfs",
            TENANT,
            {
                "azure_storage_account_name": "acc",
                "azure_tenant_id": "t",
                "azure_client_id": "me",
                "azure_client_secret": "pw",
            },
        ),
    ],
)
def test_what_a_connection_gives_to_a_lake(protocol, connection, options):
    assert lake_options(protocol, connection) == options


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (
            Connection("c", "postgres", "h", "u", "p@", 5433, "d"),
            "postgresql+psycopg://u:p%40@h:5433/d",
        ),
        (
            Connection(
                "c", "postgres", "h", extra={"sslmode": "require", "cursor": "dictcursor"}
            ),
            "postgresql+psycopg://h?sslmode=require",
        ),
        (Connection("c", "sqlite", host="/data/a.db"), "sqlite:////data/a.db"),
        (Connection("c", "sqlite", schema="a.db"), "sqlite:///a.db"),
        (
            Connection(
                "c", "mysql", "h", "u", schema="d", extra={"sqlalchemy_scheme": "mysql+pymysql"}
            ),
            "mysql+pymysql://u@h/d",
        ),
    ],
)
def test_the_address_of_a_database(connection, url):
    assert url_of_connection(connection).render_as_string(hide_password=False) == url


class Protected(http.server.SimpleHTTPRequestHandler):
    """Files for those who have the password."""

    def do_GET(self):
        if self.headers.get("Authorization") == BASIC:
            return super().do_GET()
        return self.send_error(401)

    do_HEAD = do_GET  # noqa: N815  the method's name is HTTP's

    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path):
    """A web server of files behind a password; returns its address."""
    handler = partial(Protected, directory=str(tmp_path / "source"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_files_behind_a_password_are_read_by_the_run_s_or_the_table_s_connection(
    tmp_path, site, monkeypatch
):
    write_source(tmp_path / "source", transactions())
    monkeypatch.setenv("AIRFLOW_CONN_SITE", "http://me:pw@")
    pipeline = load("fraud_detection")
    own = replace(pipeline.table, source=Source(root=site, connection="site"))
    result = done("ingest", tmp_path / "a", None, replace(pipeline, tables=(own,)))
    assert result["rows"] == 200
    work = replace(
        work_on("ingest", tmp_path / "b", site), options={"source_connection": "site"}
    )
    assert perform(stage_named("ingest"), work)["content"] == result["content"]


def test_a_connection_that_is_not_defined_is_an_error_of_the_call(tmp_path):
    pipeline = load("fraud_detection")
    for source in (Source(connection="nope"), Query("SELECT 1", connection="nope")):
        table = replace(pipeline.table, source=source)
        with pytest.raises(ConfigError, match="'nope' is not defined"):
            done("ingest", tmp_path, "memory://x", replace(pipeline, tables=(table,)))


def test_what_the_uri_says_goes_before_the_connection():
    options = remote_root._options("ftp://you@host/data", LOGIN)
    assert options == {"password": "pw", "port": 22}


def test_a_file_system_that_is_not_installed_is_said_so_without_the_password():
    with pytest.raises(
        ConfigError, match=r"nosuch://me:\*\*\*@host.*cannot be opened"
    ) as raised:
        remote_root.opened_root("nosuch://me:geheim@host/data", None)
    assert "geheim" not in str(raised.value)


def tables(*sources):
    table = load("fraud_detection").table
    return [replace(table, source=source) for source in sources]


def test_the_connections_that_tables_and_the_run_name():
    named = tables(Query("SELECT 1", connection="b"), Source(), LakeTable(connection="a"))
    assert connection_ids(named, {}) == ["a", "b"]
    assert connection_ids(named, {"source_connection": "c"}) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        (Source(), True),
        (Source(root="s3://b"), False),
        (LakeTable(), True),
        (Query("SELECT 1"), True),
        (Query("SELECT 1", connection="c"), False),
    ],
)
def test_a_table_with_a_source_of_its_own_needs_no_source(source, needed):
    assert needs_source(tables(source)[0], {}) is needed


def test_a_stage_s_process_gets_the_source_and_secrets_only_in_its_environment(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_A", "aws://")
    monkeypatch.setenv("AIRFLOW_CONN_B", "aws://")
    pipeline = replace(load("fraud_detection"), tables=tuple(tables(Source(connection="a"))))
    access = partial(source_access, stage_named("ingest"), pipeline)
    assert access("/data", ()).argv == ("--source", "/data")
    assert access("/data", ()).env == {"AIRFLOW_CONN_A": "aws://"}
    secret = "postgresql://me:geheim@host/db"
    assert access(secret, ()).argv == ()
    assert access(secret, ()).env[SOURCE_VARIABLE] == secret
    assert "geheim" not in repr(access(secret, ()))
    both = access(None, ("source_connection=b",)).env
    assert sorted(both) == ["AIRFLOW_CONN_A", "AIRFLOW_CONN_B"]
    assert source_access(stage_named("train"), pipeline, secret, ()).env == {}
