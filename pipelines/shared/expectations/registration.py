"""Making the Dask engine and our own expectations known to Great Expectations.

Why: Great Expectations knows a data source or an expectation once its class is defined; here all
    of ours are, and the engine runs on ``pipelines.shared.compute``, GPUs included.
Promise: errors of the engine become ours, sorted by whether a retry can help.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from pipelines import gx_dask
from pipelines.core.errors import (
    ConfigError,
    PipelineError,
    SchemaError,
    SourceNotReadyError,
    SourceUnreadableError,
    TransientError,
)
from pipelines.gx_dask.errors import (
    ColumnsDifferError,
    EngineError,
    EngineSettingError,
    FileDamagedError,
    FilesMissingError,
    RunnerUnavailableError,
)
from pipelines.gx_dask.runners import Runner, RunnerSettings
from pipelines.shared.compute import ComputeSettings, open_compute
from pipelines.shared.expectations.decimals import ExpectColumnValuesToHaveDecimals
from pipelines.shared.expectations.new_ids import ExpectColumnValuesToBeNew
from pipelines.shared.expectations.time_bounds import ExpectColumnPairTimesToBeInBounds

# Defining them made them known.
EXPECTATIONS = (
    ExpectColumnPairTimesToBeInBounds,
    ExpectColumnValuesToBeNew,
    ExpectColumnValuesToHaveDecimals,
)
SORTED: dict[type[EngineError], type[PipelineError]] = {
    FilesMissingError: SourceNotReadyError,
    FileDamagedError: SourceUnreadableError,
    ColumnsDifferError: SchemaError,
    EngineSettingError: ConfigError,
    RunnerUnavailableError: TransientError,
}


def register_all() -> None:
    """See ``pipelines.shared.expectations.register``."""
    gx_dask.register(open_runner)


def open_runner(rows: int, settings: RunnerSettings) -> AbstractContextManager[Runner]:
    """What a table runs on that is validated without a ``Compute``."""
    return open_compute(
        rows,
        ComputeSettings(
            scheduler=settings.scheduler,
            in_process_below_rows=settings.in_process_below_rows,
            workers=settings.workers,
        ),
    )


@contextmanager
def our_errors() -> Iterator[None]:
    """Raise errors of the engine as ours.

    Raises:
        SourceNotReadyError: A file is not there, or went away.
        SourceUnreadableError: A file is damaged.
        SchemaError: Files differ in their columns.
        ConfigError: An argument cannot be used.
        TransientError: The scheduler does not answer.
    """
    try:
        yield
    except tuple(SORTED) as error:
        raise SORTED[type(error)](str(error)) from error
