"""The connections that a pipeline's tables are read with, as a stage's process is given them.

Why: a stage's process gets no variable that it does not need, and only the declaration says which
    connections it needs.
Promise: imports nothing heavy, as Airflow's operator calls it.
Not here: reading a connection (``pipelines/core/connections.py``).
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.core.connections import variables_of
from pipelines.spec import Pipeline, Query, Table
from pipelines.stages.ingest.record import SOURCE_CONNECTION


def connection_ids(tables: Iterable[Table], options: Mapping[str, Any]) -> list[str]:
    """Ids of the connections that the tables' sources, and the run's options, name."""
    named = {table.source.connection for table in tables}
    return sorted(filter(None, named | {str(options.get(SOURCE_CONNECTION.name) or "")}))


def connection_variables(
    pipeline: Pipeline, options: Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Variables of a pipeline's connections; one that is not defined is an error where it is needed."""
    return variables_of(connection_ids(pipeline.tables, options), environ)


def needs_source(table: Table, options: Mapping[str, Any]) -> bool:
    """Whether a table is read from the run's source, rather than from one of its own, or from none."""
    if table.derived_from:
        return False
    if isinstance(table.source, Query):
        return not (table.source.connection or options.get(SOURCE_CONNECTION.name))
    return not table.source.root
