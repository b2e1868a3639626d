"""Which DAG takes in which table.

Why: the DAG, its asset and the right to its pages must agree on it.
Promise: tables of the examples' grain, and static tables, are taken in by the run of the examples'
    partition; a table of another grain by a DAG of its own, whose runs are its partitions.
Not here: making the DAGs (``dags.py``).
"""

from pipelines.core.errors import ConfigError
from pipelines.protocol import Stage
from pipelines.protocol.stage import PARTITION
from pipelines.spec import Pipeline, Table
from pipelines.spec.origins import origins_of
from pipelines.spec.time_bounds import time_bounds


def has_own_dag(pipeline: Pipeline, table: Table) -> bool:
    """Whether a table is of another grain than the examples."""
    return table.event_time is not None and table.grain != pipeline.table.grain


def require_own_dag(pipeline: Pipeline, table: Table) -> None:
    """Check that a table is not taken in by the run of the examples.

    Raises:
        ConfigError: It is.
    """
    if not has_own_dag(pipeline, table):
        why = (
            "has no event_time"
            if table.event_time is None
            else f"has their grain, {table.grain}"
        )
        raise ConfigError(
            f"table {table.name} {why}, so it is taken in with the examples, {pipeline.examples}, by "
            f"{pipeline.name}_data. Leave table out."
        )


def tables_of_own(pipeline: Pipeline) -> list[Table]:
    """The tables that have a DAG of their own."""
    return [table for table in pipeline.tables if has_own_dag(pipeline, table)]


def tables_taken_in(pipeline: Pipeline, table: Table) -> list[Table]:
    """The tables that the DAG of a table takes in, each after those that it may read.

    Args:
        pipeline: The declaration.
        table: The examples' table, or one that has a DAG of its own, which takes in what its times are
            counted from as well.
    """
    if table.name == pipeline.examples:
        beside = [each for each in pipeline.tables if not has_own_dag(pipeline, each)]
        return sorted(
            beside,
            key=lambda each: (each.event_time is not None, each.derived_from or "", each.name),
        )
    read = tables_read_by(pipeline, table)
    return [*(each for each in pipeline.tables if each.name in read), table]


def tables_read_by(pipeline: Pipeline, table: Table) -> set[str]:
    """Names of the tables that taking in a table reads.

    Its times are counted from them, or bounded by them, or its rows are derived from them.
    """
    seen = pipeline.of_table(table.name)
    origins = (each.table for each in origins_of(seen).values())
    bounds = (each.table for each in time_bounds(seen))
    return {name for name in (table.derived_from, *origins, *bounds) if name}


def dag_id_of(pipeline: Pipeline, stage: Stage, table: str | None = None) -> str:
    """Id of the DAG that runs a stage, for a table other than the examples'.

    Args:
        pipeline: The declaration.
        stage: The stage's record.
        table: Name of the table; None for the examples'.
    """
    own = [each.name for each in tables_of_own(pipeline)]
    named = f"{table}_" if stage.scope == PARTITION and table in own else ""
    return f"{pipeline.name}_{named}{stage.dag}"
