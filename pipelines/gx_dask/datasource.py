"""``context.data_sources.add_dask``: Parquet tables as Great Expectations' data source.

Why: whoever has suites, checkpoints and documents for Great Expectations keeps them, and names
    another data source.
Promise: defining these classes registers them; they are stored in great_expectations.yml as
    any other. A process that opens such a context must have called ``register`` before.

    source = context.data_sources.add_dask("lake")
    source.add_parquet("transactions", "/lake/transactions")       # a folder, a pattern, a list
    source.add_partitioned_parquet("days", "/lake/days")           # folders ds=2026-11-24, ...
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal

from great_expectations.core.batch import BatchMarkers, LegacyBatchDefinition
from great_expectations.core.batch_spec import RuntimeDataBatchSpec
from great_expectations.datasource.fluent.batch_identifier_util import make_batch_identifier
from great_expectations.datasource.fluent.batch_request import BatchRequest
from great_expectations.datasource.fluent.interfaces import Batch
from great_expectations.datasource.fluent.pandas_datasource import (
    _PandasDataAsset,
    _PandasDatasource,
)

from pipelines.gx_dask.engine import Bounds, DaskBatchData, DaskExecutionEngine
from pipelines.gx_dask.errors import EngineSettingError, FilesMissingError
from pipelines.gx_dask.files import list_files
from pipelines.gx_dask.partitions import PARTITION_ROWS, lay_out
from pipelines.gx_dask.row_locations import failing_rows_folder
from pipelines.gx_dask.runners import IN_PROCESS_BELOW_ROWS, RunnerSettings


class DaskParquetAsset(_PandasDataAsset):
    """A table of Parquet files.

    Attributes:
        paths: Folders, patterns and files; the rows come in their order.
        hive: Whether folders named ``key=value`` are columns, and choose files: a batch takes
            ``{"ds": "2026-11-24"}`` as parameters then.
        exact: Whether whole numbers keep all digits beside nulls, and times have nanoseconds;
            else values are those of ``pandas.read_parquet``.
        partition_rows: Rows of a task at most; a row group is never split.
    """

    type: Literal["dask_parquet"] = "dask_parquet"
    paths: list[str]
    hive: bool = False
    exact: bool = False
    partition_rows: int = PARTITION_ROWS

    def get_batch_parameters_keys(self, partitioner: Any = None) -> tuple[str, ...]:
        """Names of the folders' keys."""
        return tuple(_keys(self._files()[0])) if self.hive else ()

    def get_batch_identifiers_list(self, batch_request: BatchRequest) -> list[dict[str, Any]]:
        """A request is one batch."""
        return [dict(batch_request.options or {})]

    def _validate_batch_request(self, batch_request: BatchRequest) -> None:
        self._files(batch_request.options)

    def build_batch_request(
        self,
        options: dict[str, Any] | None = None,
        batch_slice: Any = None,
        partitioner: Any = None,
    ) -> BatchRequest:
        """A request for the whole table, or for the folders that the options name."""
        return BatchRequest(
            datasource_name=self.datasource.name,
            data_asset_name=self.name,
            options=options or {},
        )

    def get_batch(self, batch_request: BatchRequest) -> Batch:
        """Read the footers.

        Raises:
            FilesMissingError: There is no file.
            FileDamagedError: A file is not Parquet.
            ColumnsDifferError: Files differ.
        """
        files = self._files(batch_request.options)
        layout = lay_out(
            files, hive=self.hive, exact=self.exact, partition_rows=self.partition_rows
        )
        datasource = self.datasource
        data = DaskBatchData(
            datasource.get_execution_engine(),
            layout,
            datasource.runner_settings(),
            datasource.bounds(),
        )
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        return Batch(
            datasource=datasource,
            data_asset=self,
            batch_request=batch_request,
            data=data,
            metadata=self._get_batch_metadata_from_batch_request(batch_request=batch_request),
            batch_markers=BatchMarkers({"ge_load_time": stamp}),
            batch_spec=RuntimeDataBatchSpec(batch_data=f"{len(files)} Parquet files"),
            batch_definition=LegacyBatchDefinition(
                datasource_name=datasource.name,
                data_connector_name="fluent",
                data_asset_name=self.name,
                batch_identifiers=make_batch_identifier(dict(batch_request.options or {})),
            ),
        )

    def _files(self, options: dict[str, Any] | None = None) -> list[str]:
        found = [file for path in self.paths for file in list_files(path)]
        wanted = {key: str(value) for key, value in (options or {}).items()}
        chosen = [f for f in found if wanted.items() <= _keys(f).items()]
        if not chosen:
            raise FilesMissingError(
                f"{self.name}: none of its {len(found)} files is in folders with {wanted}. "
                f"Expected at least one. Try again when it was written, or correct the parameters."
            )
        return chosen


def _keys(path: str) -> dict[str, str]:
    parts = PurePosixPath(path).parts[:-1]
    return dict(part.split("=", 1) for part in parts if "=" in part)


class DaskDatasource(_PandasDatasource):
    """Tables in partitions, evaluated on Dask.

    Attributes:
        scheduler: Address of a running Dask scheduler; empty for this machine.
        workers: Threads or processes; 0 for one a core.
        in_process_below_rows: Tables with fewer rows are validated on this process's threads.
        evidence_rows: The most failing rows of an expectation that a result lists.
        gather_bytes: The most that a metric without a rule for parts may gather.
    """

    type: Literal["dask"] = "dask"
    asset_types: ClassVar[Sequence[Any]] = [DaskParquetAsset]
    # "type" above hides the builtin in this class.
    assets: list[DaskParquetAsset] = []  # noqa: RUF012 pydantic copies it
    execution_engine_override: ClassVar[Any] = DaskExecutionEngine
    # Fields that are not arguments of the engine.
    _EXTRA_EXCLUDED_EXEC_ENG_ARGS: ClassVar[set[str]] = {
        "scheduler", "workers", "in_process_below_rows", "evidence_rows", "gather_bytes",
    }  # fmt: skip
    scheduler: str = ""
    workers: int = 0
    in_process_below_rows: int = IN_PROCESS_BELOW_ROWS
    evidence_rows: int = Bounds().evidence_rows
    gather_bytes: int = Bounds().gather_bytes

    def test_connection(self, test_assets: bool = True) -> None:  # noqa: FBT001
        """Nothing to connect to: files are looked at when a batch is asked for."""

    def runner_settings(self) -> RunnerSettings:
        """What its scans run on."""
        return RunnerSettings(
            scheduler=self.scheduler,
            workers=self.workers,
            in_process_below_rows=self.in_process_below_rows,
        )

    def bounds(self) -> Bounds:
        """What its results may hold."""
        return Bounds(self.evidence_rows, self.gather_bytes, failing_rows_folder())

    def add_parquet(
        self, name: str, paths: str | Sequence[str], **options: Any
    ) -> DaskParquetAsset:
        """Add a table: a folder, a pattern, or a list of files, folders and patterns.

        Raises:
            EngineSettingError: The list is empty, or an option is not known.
        """
        unknown = sorted(options.keys() - DaskParquetAsset.__fields__.keys())
        if unknown:
            raise EngineSettingError(
                f"{name}: there is no option {unknown[0]!r}. Expected hive, exact or "
                f"partition_rows. Correct it."
            )
        each = [paths] if isinstance(paths, str) else [str(path) for path in paths]
        if not each:
            raise EngineSettingError(f"{name}: got no paths; expected at least one. Name some.")
        return self._add_asset(DaskParquetAsset(name=name, paths=each, **options))

    def add_partitioned_parquet(
        self, name: str, folder: str, **options: Any
    ) -> DaskParquetAsset:
        """Add a table whose folders are named ``key=value``."""
        return self.add_parquet(name, folder, hive=True, **options)
