"""The address of a database, from an Airflow connection or a URI.

Promise: the drivers are those that are installed with Millrace; an address that cannot be used is an
    error without its password.
Not here: opening it (``pipelines/stages/ingest/``, ``pipelines/stages/score/``).
"""

import sqlalchemy as sa

from pipelines.core.connections import Connection, without_secrets
from pipelines.core.errors import ConfigError

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
LIBPQ = frozenset(
    {
        *(
            "sslmode",
            "sslcert",
            "sslkey",
            "sslrootcert",
            "sslcrl",
            "channel_binding",
            "gssencmode",
        ),
        *("connect_timeout", "application_name", "options", "target_session_attrs", "service"),
        *(
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
            "passfile",
        ),
    }
)
"""Fields of a PostgreSQL connection's extra that are given to its client library."""
EXAMPLE = "postgresql://user@host:5432/database or sqlite:////folder/file.db"


def url_of_connection(connection: Connection) -> sa.URL:
    """The address that a connection describes."""
    if connection.kind == "sqlite":
        return sa.URL.create("sqlite", database=connection.host or connection.schema)
    own = connection.extra.get("sqlalchemy_scheme")
    return sa.URL.create(
        str(own or DRIVERS.get(connection.kind, connection.kind)),
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query=_query(connection),
    )


def _query(connection: Connection) -> dict[str, str]:
    extra = connection.extra
    known = LIBPQ.intersection(extra) if connection.kind == "postgres" else ()
    return {name: str(extra[name]) for name in known} | dict(
        extra.get("sqlalchemy_query") or {}
    )


def url_of_text(uri: str) -> sa.URL:
    """The address in a URI.

    Raises:
        ConfigError: It is not one of a database.
    """
    try:
        url = sa.make_url(uri)
    except (sa.exc.ArgumentError, ValueError):
        # Its own message would quote the URI.
        raise ConfigError(
            f"source {without_secrets(uri)!r} is not the URI of a database. Write {EXAMPLE}."
        ) from None
    if "@" in (url.host or ""):
        # The database's messages would quote the end of the password as its host.
        raise ConfigError(
            "The password or the user of the source's URI has an @. Write it percent-encoded, as %40."
        )
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
