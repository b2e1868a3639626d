"""One call that judges Parquet files by a suite: the entry for stages.

Why: a stage has files and a suite, and wants the stock result and every failing row.
Promise: a context of its own for each call unless one is given. The number of each failing row
    of every row-level expectation is in files below ``rows_below``, written by the workers and
    read one partition at a time, so that memory does not grow with the failing rows.
"""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from great_expectations.exceptions import MetricProviderError
from great_expectations.expectations.registry import get_metric_kwargs
from numpy.typing import NDArray

from pipelines.core.errors import ConfigError
from pipelines.gx_dask import gx
from pipelines.gx_dask.computing import using
from pipelines.gx_dask.conditions import key_of
from pipelines.gx_dask.datasource import DaskDatasource
from pipelines.gx_dask.partitions import Layout, Partition
from pipelines.gx_dask.row_locations import keep_places, read_places
from pipelines.gx_dask.stock import Node
from pipelines.shared.compute.compute import Compute

SUMMARY = "SUMMARY"


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A suite's result, and where its failing rows are.

    Attributes:
        result: The stock ``ExpectationSuiteValidationResult``.
        layout: The table's partitions: file, row groups, number of the first row, rows.
        gathered: Names of metrics that no rule for parts answered.
        rows_below: Folder of the failing rows' numbers; None if they were not kept.
        keys: For each row-level expectation, by its place in ``result.results``, the name of
            its condition in that folder.
    """

    result: Any
    layout: Layout
    gathered: frozenset[str]
    rows_below: Path | None
    keys: dict[int, str]

    def is_row_level(self, place: int) -> bool:
        """Whether the expectation at that place of ``result.results`` judges single rows."""
        return place in self.keys

    def failing_rows(self, place: int, partition: Partition) -> NDArray[np.int64]:
        """Every failing row of one expectation in one partition.

        Args:
            place: Place of the expectation in ``result.results``.
            partition: One of ``layout.partitions``.

        Returns:
            Row numbers counted through the whole table, shape ``(n_failing,)``, rising; subtract
            ``partition.offset`` for the place in the partition.

        Raises:
            ConfigError: Rows were not kept, or the expectation is about no single row.
        """
        if self.rows_below is None or place not in self.keys:
            raise ConfigError(
                f"failing_rows: expectation {place} has no rows. Expected rows_below to be given "
                f"and an expectation about rows. See is_row_level."
            )
        return read_places(self.rows_below, self.keys[place], partition.number)


def judge_files(
    files: Sequence[str | Path],
    suite: Any,
    *,
    rows_below: Path | None = None,
    compute: Compute | None = None,
    context: Any = None,
    name: str = "table",
    result_format: str | dict[str, Any] = SUMMARY,
    **options: Any,
) -> Judged:
    """Judge files by a suite.

    Args:
        files: Parquet files, folders or patterns; rows count in their order.
        suite: A stock ``ExpectationSuite``.
        rows_below: Folder for the numbers of all failing rows; None to keep none.
        compute: What passes run on; by default threads, or a cluster for large tables.
        context: A Great Expectations context; by default a new one in memory.
        name: Name of the asset, as Data Docs show it.
        result_format: Any stock result format.
        options: Of the asset: ``hive``, ``exact``, ``partition_rows``.

    Raises:
        SourceNotReadyError: A file is not there, or went away.
        SourceUnreadableError: A file is damaged.
        SchemaError: Files differ in their columns.
        WorkerLostError: Workers died again and again.
        OutOfMemoryError: A worker found no memory.
    """
    with ExitStack() as stack:
        if compute is not None:
            stack.enter_context(using(compute))
        if rows_below is not None:
            stack.enter_context(keep_places(rows_below))
        batch = _batch(context or new_context(), [str(file) for file in files], name, options)
        result = batch.validate(suite, result_format=result_format)
    engine = batch.datasource.get_execution_engine()
    data = engine.batch_manager.batch_data_cache[batch.id]
    return Judged(
        result=result,
        layout=data.layout,
        gathered=frozenset(data.gathered),
        rows_below=rows_below,
        keys=_keys(result) if rows_below is not None else {},
    )


def new_context() -> Any:
    """A context in memory that draws no progress bars."""
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.load().get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _keys(result: Any) -> dict[int, str]:
    """The condition behind each row-level expectation."""
    found = {}
    for place, each in enumerate(result.results):
        expectation = each.expectation_config.to_domain_obj()
        map_metric = getattr(expectation, "map_metric", None)
        with suppress(MetricProviderError):  # no metric of the registry: none of single rows
            # The stock metrics of a condition pass it their own arguments on.
            of = get_metric_kwargs(f"{map_metric}.unexpected_count", expectation.configuration)
            domain, value = of["metric_domain_kwargs"], of["metric_value_kwargs"]
            found[place] = key_of(Node(f"{map_metric}.condition", domain, value))
    return found


def _batch(context: Any, files: list[str], name: str, options: dict[str, Any]) -> Any:
    sources: Any = context.data_sources
    known = {source.name for source in sources.all().values()}
    source: DaskDatasource = (
        sources.get("dask") if "dask" in known else sources.add_dask("dask")
    )
    if name in source.get_asset_names():
        source.delete_asset(name)
    asset = source.add_parquet(name, files, **options)
    return asset.add_batch_definition("all").get_batch()
