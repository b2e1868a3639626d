"""One call that validates Parquet files by a suite.

Why: a pipeline has files and a suite, and wants the stock result and every failing row.
Promise: a context of its own for each call unless one is given. The number of each failing row
    of every row-level expectation is in files below ``rows_below``, written by the workers and
    read one partition at a time, so that memory does not grow with the failing rows.
"""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from great_expectations.exceptions import MetricProviderError
from great_expectations.expectations.registry import get_metric_kwargs

from pipelines.gx_dask import gx
from pipelines.gx_dask.current_runner import use_runner
from pipelines.gx_dask.datasource import DaskDatasource
from pipelines.gx_dask.errors import EngineSettingError
from pipelines.gx_dask.partitions import Layout, Partition
from pipelines.gx_dask.row_locations import (
    RowNumbers,
    keep_failing_rows,
    key_of,
    read_failing_rows,
)
from pipelines.gx_dask.runners import Runner
from pipelines.gx_dask.stock import Node

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult
    from great_expectations.data_context import AbstractDataContext
    from great_expectations.datasource.fluent.interfaces import Batch

SUMMARY = "SUMMARY"


@dataclass(frozen=True, slots=True, eq=False)
class ValidatedTable:
    """A suite's result, and where its failing rows are.

    Attributes:
        result: The stock ``ExpectationSuiteValidationResult``.
        layout: The table's partitions: file, row groups, number of the first row, rows.
        gathered: Names of metrics that no rule for parts answered.
        rows_below: Folder of the failing rows' numbers; None if they were not kept.
        keys: For each row-level expectation, by its index in ``result.results``, the name of
            its condition in that folder.
    """

    result: "ExpectationSuiteValidationResult"
    layout: Layout
    gathered: frozenset[str]
    rows_below: Path | None
    keys: dict[int, str]

    def is_row_level(self, index: int) -> bool:
        """Whether the expectation with that index in ``result.results`` is about single rows."""
        return index in self.keys

    def failing_rows(self, index: int, partition: Partition) -> RowNumbers:
        """Every failing row of one expectation in one partition.

        Args:
            index: Index of the expectation in ``result.results``.
            partition: One of ``layout.partitions``.

        Returns:
            Row numbers counted through the whole table, shape ``(n_failing,)``, rising; subtract
            ``partition.offset`` to count from the partition's first row.

        Raises:
            EngineSettingError: Rows were not kept, or the expectation is about no single row.
        """
        if self.rows_below is None or index not in self.keys:
            raise EngineSettingError(
                f"failing_rows: expectation {index} has no rows. Expected rows_below to be given "
                f"and an expectation about rows. See is_row_level."
            )
        return read_failing_rows(self.rows_below, self.keys[index], partition.number)


def validate_files(
    files: Sequence[str | Path],
    suite: "ExpectationSuite",
    *,
    rows_below: Path | None = None,
    runner: Runner | None = None,
    context: "AbstractDataContext | None" = None,
    name: str = "table",
    result_format: str | dict[str, Any] = SUMMARY,
    **options: Any,
) -> ValidatedTable:
    """Validate files by a suite.

    Args:
        files: Parquet files, folders or patterns; rows count in their order.
        suite: A stock ``ExpectationSuite``.
        rows_below: Folder for the numbers of all failing rows; None to keep none.
        runner: What scans run on; by default threads, or worker processes for large tables.
        context: A Great Expectations context; by default a new one in memory.
        name: Name of the asset, as Data Docs show it.
        result_format: Any stock result format.
        options: Of the asset: ``hive``, ``exact``, ``partition_rows``.

    Raises:
        FilesMissingError: A file is not there, or went away.
        FileDamagedError: A file is not Parquet, or damaged.
        ColumnsDifferError: Files differ in their columns.
        Exception: Whatever the runner raises: its workers died, or found no memory.
    """
    with ExitStack() as stack:
        if runner is not None:
            stack.enter_context(use_runner(runner))
        if rows_below is not None:
            stack.enter_context(keep_failing_rows(rows_below))
        batch = _batch(context or new_context(), [str(file) for file in files], name, options)
        result = batch.validate(suite, result_format=result_format)
    engine = batch.datasource.get_execution_engine()
    data = engine.batch_manager.batch_data_cache[batch.id]
    return ValidatedTable(
        result=result,
        layout=data.layout,
        gathered=frozenset(data.gathered),
        rows_below=rows_below,
        keys=_keys(result) if rows_below is not None else {},
    )


def new_context() -> "AbstractDataContext":
    """A context in memory that draws no progress bars."""
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context: AbstractDataContext = gx.load().get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _keys(result: "ExpectationSuiteValidationResult") -> dict[int, str]:
    """The condition behind each row-level expectation."""
    found = {}
    for index, each in enumerate(result.results):
        expectation = each.expectation_config.to_domain_obj()
        map_metric = getattr(expectation, "map_metric", None)
        with suppress(MetricProviderError):  # no metric of the registry: none of single rows
            # The stock metrics of a condition pass it their own arguments on.
            of = get_metric_kwargs(f"{map_metric}.unexpected_count", expectation.configuration)
            domain, value = of["metric_domain_kwargs"], of["metric_value_kwargs"]
            found[index] = key_of(Node(f"{map_metric}.condition", domain, value))
    return found


def _batch(
    context: "AbstractDataContext", files: list[str], name: str, options: dict[str, Any]
) -> "Batch":
    sources: Any = context.data_sources
    known = {source.name for source in sources.all().values()}
    source: DaskDatasource = (
        sources.get("dask") if "dask" in known else sources.add_dask("dask")
    )
    if name in source.get_asset_names():
        source.delete_asset(name)
    asset = source.add_parquet(name, files, **options)
    return asset.add_batch_definition("all").get_batch()
