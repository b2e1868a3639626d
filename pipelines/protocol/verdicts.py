"""The verdict on a day of data, whichever stage gave it.

Why: a day can be refused before its rows are read, by ingest, or by its values, by validate; every reader
    (windows, models, waiting tasks) must count both as a day without rows.
Promise: only manifests are read.
Not here: giving a verdict (``pipelines/stages/ingest/``, ``pipelines/shared/expectations/``).
"""

from pipelines.core.store import Manifest, Ref, Store
from pipelines.protocol.work import REFUSED, partition_key

INGESTED, VALIDATED = "ingested", "validated"


def day_verdict(
    store: Store, pipeline: str, day: str, table: str | None = None
) -> Manifest | None:
    """The manifest that holds a partition's verdict: ingest's if it refused it, else validate's.

    Args:
        store: Where the artifacts are.
        pipeline: Name of the pipeline.
        day: Key of the partition.
        table: Its table, where it is not the examples'.
    """
    key = partition_key(day, table)
    ingested = store.find(Ref(pipeline, INGESTED, key))
    if ingested is not None and ingested.outcome.get("verdict") == REFUSED:
        return ingested
    return store.find(Ref(pipeline, VALIDATED, key))
