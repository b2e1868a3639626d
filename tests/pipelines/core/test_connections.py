"""Airflow connections as environment variables have them."""

import json

import pytest

from pipelines.core.connections import (
    Connection,
    connection_named,
    has_secrets,
    variables_of,
    without_secrets,
)
from pipelines.core.errors import ConfigError

FIELDS = {"conn_type": "aws", "login": "key", "port": "80", "extra": {"region_name": "eu"}}


@pytest.mark.parametrize("extra", [FIELDS["extra"], json.dumps(FIELDS["extra"])])
def test_json_has_extra_as_an_object_or_as_text(extra):
    found = connection_named("s", {"AIRFLOW_CONN_S": json.dumps(FIELDS | {"extra": extra})})
    assert found == Connection("s", "aws", login="key", port=80, extra={"region_name": "eu"})


def test_the_name_of_postgresql_is_airflow_s():
    found = connection_named(
        "db", {"AIRFLOW_CONN_DB": "postgresql://u:p%40@h:5433/d?sslmode=require"}
    )
    assert found == Connection(
        "db", "postgres", "h", "u", "p@", 5433, "d", {"sslmode": "require"}
    )


def test_a_host_may_have_a_protocol_of_its_own():
    found = connection_named("web", {"AIRFLOW_CONN_WEB": "http://https://me:pw@host:8443/"})
    assert (found.kind, found.host, found.port) == ("http", "https://host", 8443)
    assert (found.login, found.password) == ("me", "pw")


def test_one_that_is_not_defined_is_named_with_how_to_define_it():
    with pytest.raises(
        ConfigError,
        match=r"'shop' is not defined.*airflow connections add shop.*AIRFLOW_CONN_SHOP",
    ):
        connection_named("shop", {})


@pytest.mark.parametrize(
    "value",
    ["geheim", "{geheim", '{"conn_type": 3, "port": "geheim"}', "{}", "x://geheim:pw@h:port/"],
)
def test_a_value_that_is_no_connection_is_not_shown(value):
    with pytest.raises(ConfigError, match="neither a URI nor JSON") as raised:
        connection_named("shop", {"AIRFLOW_CONN_SHOP": value})
    assert "geheim" not in str(raised.value)


def test_a_connection_shows_no_secret():
    made = Connection("shop", "aws", password="geheim", extra={"token": "geheim"})
    assert "geheim" not in repr(made)


def test_only_the_variables_that_are_asked_for_are_given():
    environ = {"AIRFLOW_CONN_A": "a://", "AIRFLOW_CONN_B": "b://", "AIRFLOW_CONN_C": ""}
    assert variables_of(["a", "c", "nope"], environ) == {"AIRFLOW_CONN_A": "a://"}


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://me:geheim@host/db", "postgresql://me:***@host/db"),
        (
            "see postgresql+psycopg://me:geheim@host:1/db now",
            "see postgresql+psycopg://me:***@host:1/db now",
        ),
        (
            "s3://bucket/key?secret_key=geheim&region=eu",
            "s3://bucket/key?secret_key=***&region=eu",
        ),
        ("postgresql://me:ge/h#e?im@host:1/db", "postgresql://me:***@host:1/db"),
        ("postgresql://me:ge@h/eim@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:geheim@host/db?user=a@b", "postgresql://me:***@host/db?user=a@b"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        ("sqlite:////data/shop.db", "sqlite:////data/shop.db"),
        ("sftp://me@host/data", "sftp://me@host/data"),
        ("https://host/a?token=geheim", "https://host/a?token=***"),
        ("/data/with:colon@sign", "/data/with:colon@sign"),
    ],
)
def test_a_uri_is_shown_without_what_is_secret(uri, shown):
    assert without_secrets(uri) == shown
    assert has_secrets(uri) is (uri != shown)
