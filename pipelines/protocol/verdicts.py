"""The verdict on a day of data, whichever stage gave it.

Why: a day can be refused before its rows are read, by ingest, or by its values, by validate; every reader
    (windows, models, waiting tasks) must count both as a day without rows.
Promise: only manifests are read.
Not here: giving a verdict (``pipelines/stages/ingest/``, ``pipelines/shared/expectations/``).
"""

from pipelines.core.store import Manifest, Ref, Store
from pipelines.protocol.work import REFUSED

INGESTED, VALIDATED = "ingested", "validated"


def day_verdict(store: Store, pipeline: str, day: str) -> Manifest | None:
    """The manifest that holds a day's verdict: ingest's if it refused the day, else validate's."""
    ingested = store.find(Ref(pipeline, INGESTED, f"ds={day}"))
    if ingested is not None and ingested.outcome.get("verdict") == REFUSED:
        return ingested
    return store.find(Ref(pipeline, VALIDATED, f"ds={day}"))
