"""Great Expectations over partitioned Parquet, executed on Dask.

Why: the stock engines hold a table in one process; a gate before training must cost a fraction
    of the training, on data of any size.
Promise: stock suites, checkpoints, result formats, custom pandas expectations and Data Docs work
    unchanged, and give the results of the stock pandas engine on the same rows. Nothing beyond
    Great Expectations, Dask and what they need is imported.

Importing it registers the data source::

    import pipelines.gx_dask

    context.data_sources.add_dask("lake").add_parquet("transactions", "/lake/transactions")

``validate_files`` validates files in one call, and gives every failing row. README.md beside this
file has the rest.
"""

from pipelines.gx_dask import gx

gx.load()  # before any module below imports from it, so that it is always imported quietly

from pipelines.gx_dask.current_runner import close_runners, use_runner  # noqa: E402
from pipelines.gx_dask.registration import register  # noqa: E402
from pipelines.gx_dask.runners import ClientRunner, Runner, ThreadRunner  # noqa: E402
from pipelines.gx_dask.validation import ValidatedTable, validate_files  # noqa: E402

register()

__all__ = [
    "ClientRunner",
    "Runner",
    "ThreadRunner",
    "ValidatedTable",
    "close_runners",
    "register",
    "use_runner",
    "validate_files",
]
