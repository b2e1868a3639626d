"""Tables as they lie in the store: their columns, their buckets, their history files.

Why: ingest, validate, featurize and preprocess read and write the same files and must agree on
    every type, on the order of rows and on which bucket an entity belongs to.
Promise: nothing here imports a stage; importing the package itself imports nothing heavy.
Not here: what a value may be (``pipelines/shared/expectations/``), what is made of it.
"""

ROW = "_row"
"""Last column of every ingested and validated table: 0-based place in the day's source."""

IDS = "ids.i64"
"""File of an ingested day that holds its row ids as sorted keys (``ids.py``)."""
