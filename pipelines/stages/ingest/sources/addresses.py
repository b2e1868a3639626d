"""Where a table's rows are, and with which connection: the table's own, or the run's.

Promise: a connection is read from its environment variable when it is needed, and is part of no plan,
    artifact or message.
Not here: what a connection's fields mean (``storage_options.py``, ``pipelines/shared/databases/``).
"""

from typing import TYPE_CHECKING

from pipelines.core.connections import Connection, connection_named
from pipelines.core.errors import ConfigError
from pipelines.protocol import Work
from pipelines.spec import LakeTable, Meds, Query, Source
from pipelines.stages.ingest.record import SOURCE_CONNECTION

if TYPE_CHECKING:
    import sqlalchemy as sa

FILE = "file://"


def root_of(work: Work, source: Source | LakeTable | Meds, wanted: str) -> str:
    """The root below which a table's files are: a folder, or a URI.

    Args:
        work: The work, with the run's source.
        source: The table's source.
        wanted: What is looked for, for the message.

    Raises:
        ConfigError: There is none.
    """
    root = source.root or work.source
    if not root:
        raise ConfigError(
            f"{work.report.work}: no source was given. Pass --source with the folder or URI that "
            f"contains {wanted}."
        )
    return root.removeprefix(FILE).rstrip("/") or "/"


def connection_of(work: Work, source: Source | LakeTable | Meds | Query) -> Connection | None:
    """The connection with the credentials of a source; None where none is named.

    Raises:
        ConfigError: It is not defined.
    """
    named = source.connection
    if not named and not getattr(source, "root", ""):
        named = str(work.options.get(SOURCE_CONNECTION.name) or "")
    return connection_named(named) if named else None


def database_of(work: Work, source: Query) -> "sa.URL":
    """The address of a query's database.

    Raises:
        ConfigError: There is none, its connection is not defined, or it is not one of a database.
    """
    from pipelines.shared.databases.database_url import (
        EXAMPLE,
        url_of_connection,
        url_of_text,
    )

    connection = connection_of(work, source)
    if connection is not None:
        return url_of_connection(connection)
    if not work.source:
        raise ConfigError(
            f"{work.report.work}: no database was given. Declare Query(connection=...) with the id of an "
            f"Airflow connection, or pass --source with a URI such as {EXAMPLE}."
        )
    return url_of_text(work.source)
