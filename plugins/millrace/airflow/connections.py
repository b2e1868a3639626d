"""Resolve Airflow connections for a stage's process.

Why: a stage's process imports no Airflow, and the connection may be in any secrets backend.
Promise: the values go into the process's environment and nowhere else: not into its arguments, XCom,
    rendered templates or the log.
Not here: which connections a stage needs (``pipelines/stages/ingest/sources/connections.py``), reading them there
    (``pipelines/core/connections.py``).
"""

import json
from collections.abc import Iterable

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from pipelines.core.connections import variable_of
from pipelines.core.errors import ConfigError

FIELDS = ("conn_type", "host", "login", "password", "port", "schema", "extra")


def resolved(connection_ids: Iterable[str]) -> dict[str, str]:
    """The environment variable of each connection, with its fields as JSON.

    Raises:
        ConfigError: Airflow has no such connection.
    """
    return {variable_of(each): _resolved(each) for each in connection_ids}


def _resolved(connection_id: str) -> str:
    try:
        found = Connection.get(connection_id)
    except AirflowNotFoundException as error:
        raise ConfigError(
            f"Airflow has no connection {connection_id!r}. Add it (Admin > Connections, or airflow "
            f"connections add {connection_id} --conn-uri URI), or correct its id in the declaration or in "
            f"the Variable millrace_source_connection."
        ) from error
    return json.dumps({name: getattr(found, name) for name in FIELDS if getattr(found, name)})
