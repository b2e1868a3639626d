"""The record of this stage."""

from pipelines.protocol.stage import PARTITION, WORKERS, Stage

# A late source is retried for twelve hours.
TRIES = 24

STAGE = Stage(
    record=__name__,
    does="Check a day of source files and convert them to typed Parquet.",
    scope=PARTITION,
    each_table=True,
    dataset="ingested",
    reads_source=True,
    retries=TRIES,
    options=(WORKERS,),
)
