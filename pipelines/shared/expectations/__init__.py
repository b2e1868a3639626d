"""Validate: a day is judged by Great Expectations before anything uses it.

Why: one bad delivery must not reach features, models or scores; and one bad row must not cost
    a day.
Promise: importing this package registers ``context.data_sources.add_dask`` and our own
    expectations with Great Expectations, as soon as somebody imports that, and imports nothing
    heavy itself.
Not here: reading source files (``pipelines/stages/ingest/``).
"""

from importlib import import_module

from pipelines.gx_dask.on_import import when_imported


def _register() -> None:
    import_module("pipelines.gx_dask.datasource")
    import_module("pipelines.shared.expectations.decimals")
    import_module("pipelines.shared.expectations.new_ids")


when_imported("great_expectations", _register)
