"""Airflow connections, read from environment variables as Airflow itself reads them.

Why: a declaration names a connection and never a password; the same name must mean the same
    credentials by hand, in a test, and in an Airflow task with any secrets backend.
Promise: standard library only; no message and no ``repr`` contains a value of a connection.
Not here: resolving a connection through Airflow (``plugins/millrace/airflow/connections.py``), what its
    fields mean to a file system or a database (``pipelines/stages/ingest/``).

``AIRFLOW_CONN_<ID>`` has a URI (``postgresql://user:password@host:5432/database?sslmode=require``) or JSON
with ``conn_type``, ``host``, ``login``, ``password``, ``port``, ``schema`` and ``extra``.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pipelines.core.errors import ConfigError

PREFIX = "AIRFLOW_CONN_"
WHOLE_EXTRA = "__extra__"
SAME_KIND = {"postgresql": "postgres"}
HIDDEN = "***"

# A password may have /, ? or # although they should be encoded; digits before one are rather a port.
_USER_AND_PASSWORD = re.compile(
    r"(?P<user>://[^:/?#@\s]*):(?:[^/?#\s]*@(?![^?\s]*@)|(?!\d{1,5}[/?#])\S*@)"
)
_SECRET_FIELD = re.compile(
    r"(?P<name>[?&;][^=&\s]*(?:password|secret|token|key|signature|sig)[^=&\s]*=)[^&\s]+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection.

    Attributes:
        id: Its id.
        kind: Airflow's connection type: ``postgres``, ``sqlite``, ``aws``, ``sftp``.
        host: Host, or the path of a file.
        login: User, or the name of a key.
        password: Password, or the key itself.
        port: Port; None for the usual one.
        schema: Database.
        extra: Its other fields.
    """

    id: str
    kind: str
    host: str = ""
    login: str = ""
    password: str = field(default="", repr=False)
    port: int | None = None
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


def variable_of(connection_id: str) -> str:
    """The environment variable of a connection."""
    return f"{PREFIX}{connection_id.upper()}"


def connection_named(connection_id: str, environ: Mapping[str, str] = os.environ) -> Connection:
    """A connection by its id.

    Raises:
        ConfigError: It is not defined, or its variable is neither a URI nor JSON.
    """
    name = variable_of(connection_id)
    value = environ.get(name, "").strip()
    if not value:
        raise ConfigError(
            f"connection {connection_id!r} is not defined. In Airflow, add it (Admin > Connections, or "
            f"airflow connections add {connection_id} --conn-uri URI). By hand, set {name} to a URI, such "
            f"as postgresql://user:password@host:5432/database, or to JSON with conn_type, host, "
            f"login, password, port, schema and extra."
        )
    try:
        return (
            _of_json(connection_id, value) if value[0] == "{" else _of_uri(connection_id, value)
        )
    except (ValueError, TypeError, AttributeError):
        # The parser's own message would quote the value.
        raise ConfigError(
            f"connection {connection_id!r}: the value of {name} is neither a URI nor JSON. Write "
            f"type://login:password@host:port/schema with special characters percent-encoded, or "
            f'{{"conn_type": "postgres", "host": "...", "port": 5432, ...}}.'
        ) from None


def variables_of(
    connection_ids: Iterable[str], environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The variables of those connections that are defined in the environment."""
    names = map(variable_of, connection_ids)
    return {name: environ[name] for name in names if environ.get(name)}


def without_connections(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without any connection."""
    return {name: value for name, value in environ.items() if not name.startswith(PREFIX)}


def without_secrets(uri: str) -> str:
    """A URI or command line as messages show it: without passwords and keys."""
    hidden = _USER_AND_PASSWORD.sub(rf"\g<user>:{HIDDEN}@", uri)
    return _SECRET_FIELD.sub(rf"\g<name>{HIDDEN}", hidden)


def has_secrets(uri: str) -> bool:
    """Whether a URI contains a password or a key."""
    return without_secrets(uri) != uri


def _of_json(connection_id: str, value: str) -> Connection:
    given = json.loads(value)
    extra = given.get("extra") or {}
    port = given.get("port")
    return Connection(
        connection_id,
        _kind(str(given.get("conn_type", ""))),
        host=str(given.get("host") or ""),
        login=str(given.get("login") or ""),
        password=str(given.get("password") or ""),
        port=None if port in (None, "") else int(port),
        schema=str(given.get("schema") or ""),
        extra=dict(json.loads(extra) if isinstance(extra, str) else extra),
    )


def _of_uri(connection_id: str, value: str) -> Connection:
    parts = urlsplit(value)
    # ``http://https://host`` is a connection of type http whose host has a protocol of its own.
    inner = re.match(r"[\w+.-]+://(?P<protocol>\w+)://", value)
    if inner:
        parts = urlsplit(value[value.index("://") + len("://") :])
    fields = dict(parse_qsl(parts.query, keep_blank_values=True))
    whole = fields.pop(WHOLE_EXTRA, None)
    host = unquote(_host(parts.netloc))
    return Connection(
        connection_id,
        _kind(value.partition("://")[0] if "://" in value else ""),
        host=f"{inner['protocol']}://{host}" if inner else host,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        port=parts.port,
        schema=unquote(parts.path[1:]),
        extra=fields if whole is None else dict(json.loads(whole)),
    )


def _host(netloc: str) -> str:
    """The host as it is written: ``urlsplit`` lowers its letters, and it may be a path."""
    address = netloc.rpartition("@")[2]
    found = re.fullmatch(r"(?:\[(?P<v6>[^]]*)\]|(?P<name>[^:]*))(?::\d*)?", address)
    if found is None:
        raise ValueError("host")
    return found["v6"] or found["name"] or ""


def _kind(text: str) -> str:
    kind = text.strip().lower().replace("-", "_")
    if not kind:
        raise ValueError("conn_type")
    return SAME_KIND.get(kind, kind)
