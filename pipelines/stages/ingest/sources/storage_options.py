"""What a connection's fields mean to a file system: options of fsspec, and of Delta Lake.

Why: s3fs, gcsfs, adlfs and paramiko name the same two things, a user and a secret, in four ways.
Promise: pure functions of the URI's protocol and the connection; a field that is empty gives no option, so
    the machine's own credentials count where a connection has none. ``storage_options`` in the
    connection's extra replaces any of them.

docs/databases.md has the table for people.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from pipelines.core.connections import Connection

OWN = "storage_options"
"""Field of a connection's extra whose entries are given to the file system as they are."""
GOOGLE_PREFIX = "extra__google_cloud_platform__"

Options = dict[str, Any]


def file_system_options(protocol: str, connection: Connection | None) -> Options:
    """Options of fsspec for a URI with that protocol."""
    return _options(FILE_SYSTEMS, protocol, connection)


def lake_options(protocol: str, connection: Connection | None) -> dict[str, str]:
    """Options of the ``deltalake`` library for a URI with that protocol."""
    found = _options(LAKES, protocol, connection)
    return {name: str(value) for name, value in found.items()}


def _options(
    known: Mapping[str, Callable[[Connection], Options]],
    protocol: str,
    connection: Connection | None,
) -> Options:
    if connection is None:
        return {}
    made = known[protocol](connection) if protocol in known else {}
    own = connection.extra.get(OWN) or {}
    return _given(made) | dict(json.loads(own) if isinstance(own, str) else own)


def _given(options: Options) -> Options:
    return {name: value for name, value in options.items() if value not in (None, "", {})}


def _s3(c: Connection) -> Options:
    return {
        "key": c.login,
        "secret": c.password,
        "token": c.extra.get("aws_session_token"),
        "profile": c.extra.get("profile_name"),
        "endpoint_url": _endpoint(c),
        "client_kwargs": _given({"region_name": c.extra.get("region_name")}),
        "anon": c.extra.get("anon"),
    }


def _s3_lake(c: Connection) -> Options:
    endpoint = _endpoint(c)
    return {
        "aws_access_key_id": c.login,
        "aws_secret_access_key": c.password,
        "aws_session_token": c.extra.get("aws_session_token"),
        "aws_endpoint_url": endpoint,
        "aws_allow_http": "true" if endpoint.startswith("http://") else "",
        "aws_region": c.extra.get("region_name"),
    }


def _endpoint(c: Connection) -> str:
    own = c.extra.get("endpoint_url") or c.extra.get("host") or ""
    return str(own or (c.host if "://" in c.host else ""))


def _google(c: Connection) -> Options:
    return {
        "token": _google_key(c) or _google_field(c, "key_path"),
        "project": _google_field(c, "project") or _google_field(c, "project_id"),
    }


def _google_lake(c: Connection) -> Options:
    key = _google_key(c)
    return {
        "google_service_account_key": json.dumps(key) if key else "",
        "google_service_account_path": _google_field(c, "key_path"),
    }


def _google_key(c: Connection) -> object:
    key = _google_field(c, "keyfile_dict")
    return json.loads(key) if isinstance(key, str) and key else key


def _google_field(c: Connection, name: str) -> object:
    return c.extra.get(name) or c.extra.get(f"{GOOGLE_PREFIX}{name}")


def _azure(c: Connection) -> Options:
    tenant = c.extra.get("tenant_id") or c.extra.get("tenantId")
    account = c.extra.get("account_name") or (_first_label(c.host) if tenant else c.login)
    secrets = (
        {"tenant_id": tenant, "client_id": c.login, "client_secret": c.password}
        if tenant
        else {"account_key": c.password}
    )
    return {
        "account_name": account or _first_label(c.host),
        **secrets,
        "sas_token": c.extra.get("sas_token"),
        "connection_string": c.extra.get("connection_string"),
    }


def _azure_lake(c: Connection) -> Options:
    named = {
        "account_name": "azure_storage_account_name",
        "account_key": "azure_storage_account_key",
        "sas_token": "azure_storage_sas_token",
        "tenant_id": "azure_tenant_id",
        "client_id": "azure_client_id",
        "client_secret": "azure_client_secret",
    }
    return {named[name]: value for name, value in _azure(c).items() if name in named}


def _first_label(host: str) -> str:
    return host.rpartition("://")[2].partition(".")[0]


def _sftp(c: Connection) -> Options:
    return {
        "username": c.login,
        "password": c.password,
        "port": c.port,
        "key_filename": c.extra.get("key_file"),
        "passphrase": c.extra.get("private_key_passphrase"),
    }


def _user(c: Connection) -> Options:
    return {"username": c.login, "password": c.password, "port": c.port}


def _hadoop(c: Connection) -> Options:
    return {"user": c.login, "port": c.port}


def _http(c: Connection) -> Options:
    headers = dict(c.extra.get("headers") or {})
    if c.login or c.password:
        both = base64.b64encode(f"{c.login}:{c.password}".encode()).decode()
        headers.setdefault("Authorization", f"Basic {both}")
    return {"client_kwargs": {"headers": headers} if headers else {}}


FILE_SYSTEMS: Mapping[str, Callable[[Connection], Options]] = {
    **dict.fromkeys(("s3", "s3a"), _s3),
    **dict.fromkeys(("gs", "gcs"), _google),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), _azure),
    **dict.fromkeys(("sftp", "ssh"), _sftp),
    **dict.fromkeys(("ftp", "smb"), _user),
    **dict.fromkeys(("hdfs", "webhdfs"), _hadoop),
    **dict.fromkeys(("http", "https"), _http),
}
LAKES: Mapping[str, Callable[[Connection], Options]] = {
    **dict.fromkeys(("s3", "s3a"), _s3_lake),
    **dict.fromkeys(("gs", "gcs"), _google_lake),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), _azure_lake),
}
