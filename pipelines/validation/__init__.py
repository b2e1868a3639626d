"""Validate: a day is judged by Great Expectations before anything uses it.

Why: one bad delivery must not reach features, models or scores; and one bad row must not cost
    a day.
Promise: importing this package registers ``context.data_sources.add_dask`` and our own
    expectations with Great Expectations, as soon as somebody imports that, and imports nothing
    heavy itself.
Not here: reading source files (``pipelines/ingestion/``).
"""

from importlib import import_module

from pipelines.validation.on_import import when_imported


def _register() -> None:
    import_module("pipelines.validation.dask_engine.datasource")
    import_module("pipelines.validation.decimals")
    import_module("pipelines.validation.new_ids")


when_imported("great_expectations", _register)
