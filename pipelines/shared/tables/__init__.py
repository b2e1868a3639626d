"""The format of tables in the store: their columns, their buckets, their history files.

Why: ingest, validate, featurize and preprocess read and write the same files and must agree on
    every type, on the order of rows and on the bucket of an entity.
Promise: nothing here imports a stage; importing the package itself imports nothing heavy.
Not here: which values are valid (``pipelines/shared/expectations/``), features.
"""

ROW = "_row"
"""Last column of every ingested and validated table: 0-based position in the day's source."""

UNLABELLED = "unlabelled"
"""What counts of rows without a label are called in statistics, indexes, metrics and summaries."""

IDS = "ids.i64"
"""File of an ingested day that holds its row ids as sorted keys (``ids.py``)."""
