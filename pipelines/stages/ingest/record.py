"""The record of this stage."""

from pipelines.protocol.stage import PARTITION, WORKERS, Stage

# A source that is late is looked for over twelve hours.
TRIES = 24

STAGE = Stage(
    record=__name__,
    does="Read a day of source files into typed Parquet, after looking them over.",
    scope=PARTITION,
    dataset="ingested",
    reads_source=True,
    retries=TRIES,
    options=(WORKERS,),
)
