"""Validate: a day is judged by Great Expectations before anything uses it.

Why: one bad delivery must not reach features, models or scores; and one bad row must not cost
    a day.
Not here: reading source files (``pipelines/ingestion/``).
"""
