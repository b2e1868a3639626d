"""Ingest: a day of source files becomes typed Parquet.

Why: everything behind this stage trusts types, row ids and encodings; a file is looked over
    once, here, and refused with a sentence a person can act on.
Not here: what a value may be (``pipelines/shared/expectations/``).
"""
