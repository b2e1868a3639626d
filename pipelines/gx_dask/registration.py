"""Registering ``add_dask`` with Great Expectations.

Why: Great Expectations knows a data source once its class is defined, so whoever wants it has to
    import something; this is what.
Promise: calling it again changes nothing but the opener of runners.
"""

from pipelines.gx_dask import current_runner, validator_patches
from pipelines.gx_dask.datasource import DaskDatasource
from pipelines.gx_dask.runners import OpenRunner


def register(open_runner: OpenRunner | None = None) -> type[DaskDatasource]:
    """Make ``context.data_sources.add_dask`` known; importing the package does it.

    Args:
        open_runner: What opens the runner of a table that is validated without ``use_runner``;
            None leaves that as it is, at first ``runners.open_runner``.

    Returns:
        The data source's class.
    """
    validator_patches.install()
    if open_runner is not None:
        current_runner.open_with(open_runner)
    return DaskDatasource
