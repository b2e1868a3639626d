"""Great Expectations over partitioned Parquet, executed on Dask.

Why: the stock engines hold a table in one process; a gate before training must cost a fraction
    of the training, on data of any size.
Promise: stock suites, checkpoints, result formats, custom pandas expectations and Data Docs work
    unchanged, and give the results of the stock pandas engine on the same rows.

Two ways in. As a data source of a context, registered by importing ``pipelines.shared.expectations``::

    context.data_sources.add_dask("lake").add_parquet("transactions", "/lake/transactions")

And from a stage, one call (``judge.py``)::

    from pipelines.gx_dask.validate_files import judge_files

    judged = judge_files(files, suite, rows_below=folder, compute=compute)
    judged.result                              # the stock ExpectationSuiteValidationResult
    for partition in judged.layout.partitions:  # path, row_groups, offset, rows
        judged.failing_rows(result, partition)  # every failing row's number, rising

Not here: what follows from a result (``pipelines/shared/expectations/verdict.py``).
"""

from pipelines.gx_dask import gx

gx.load()  # before any module below imports from it, so that it is always imported quietly
