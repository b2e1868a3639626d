"""Ingest: convert a day of source files to typed Parquet.

Why: all later stages rely on types, row ids and encodings; a file is checked once, here, and
    refused with a message that says what to do.
Not here: which values are valid (``pipelines/shared/expectations/``).
"""
