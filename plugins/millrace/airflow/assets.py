"""The Airflow assets of a pipeline, by name.

Why: tasks, timetables and DAGs of other teams must mean the same asset.
Promise: nothing is read; a pipeline's assets follow from its declaration and the stages' records.
Not here: when an asset has an event, and what is in it (``news.py``, ``announcing.py``).
"""

from airflow.sdk import Asset

from pipelines.protocol import Stage, stages
from pipelines.protocol.stage import Outlet
from pipelines.spec import Pipeline


def assets(pipeline: Pipeline) -> dict[str, Asset]:
    """The assets that a pipeline publishes, by name.

    ``features``, ``validated``, ``good_partitions``, ``model`` and ``evaluated_model``; of each further
    table its good partitions by its name, and ``<table>_validated``.
    """
    every = [(stage, outlet) for stage in stages() for outlet in stage.outlets]
    of_tables = {
        f"{table}{outlet.of_table}": asset_of(pipeline, outlet, table)
        for stage, outlet in every
        for table in _others(pipeline)
        if stage.each_table
    }
    return of_tables | {outlet.name: asset_of(pipeline, outlet) for _, outlet in every}


def assets_of(pipeline: Pipeline, stage: Stage, table: str | None = None) -> list[Asset]:
    """The assets of a stage's task, for a table other than the examples' where one is given."""
    return [asset_of(pipeline, outlet, table) for outlet in stage.outlets]


def asset_of(pipeline: Pipeline, outlet: Outlet, table: str | None = None) -> Asset:
    """The asset of an outlet, for a table other than the examples' where one is given."""
    start = f"millrace://{pipeline.name}/{outlet.path}"
    if table is None or table == pipeline.examples:
        return Asset(f"{pipeline.name}_{outlet.name}", uri=start)
    name = f"{table}{outlet.of_table}"
    taken = {each.name for stage in stages() for each in stage.outlets}
    taken |= {other for other in _others(pipeline) if other != table}
    ending = f"{name}_table" if name in taken else name
    return Asset(f"{pipeline.name}_{ending}", uri=f"{start}/{table}")


def _others(pipeline: Pipeline) -> list[str]:
    return [table.name for table in pipeline.tables if table.name != pipeline.examples]
