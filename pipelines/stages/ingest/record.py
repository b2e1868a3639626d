"""The record of this stage."""

from pipelines.protocol.stage import PARTITION, WORKERS, Option, Stage

# A late source is retried for twelve hours.
TRIES = 24

SOURCE_CONNECTION = Option(name="source_connection", service="source_connection")
"""Id of the Airflow connection with the credentials of the run's source."""

STAGE = Stage(
    record=__name__,
    does="Check a day of source files and convert them to typed Parquet.",
    scope=PARTITION,
    each_table=True,
    dataset="ingested",
    reads_source=True,
    retries=TRIES,
    options=(WORKERS, SOURCE_CONNECTION),
)
