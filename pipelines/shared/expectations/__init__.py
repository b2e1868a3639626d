"""Our use of Great Expectations: rules, their evaluation, verdicts, reports, days beside other days.

Why: one bad delivery must not reach features, models or scores; and one bad row must not cost
    a day.
Promise: importing this package imports nothing heavy. ``register`` is called before Great
    Expectations is used; it makes ``context.data_sources.add_dask`` and Millrace's own
    expectations known to it.
Not here: the engine (``pipelines/gx_dask/``), reading source files (``pipelines/stages/ingest/``).
"""


def register() -> None:
    """Register the Dask data source and Millrace's expectations with Great Expectations.

    Imports Great Expectations, which takes seconds; calling it again costs nothing.
    """
    from pipelines.shared.expectations.registration import register_all

    register_all()
